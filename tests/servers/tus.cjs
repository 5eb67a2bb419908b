// An upload by tus-js-client in chunks, which goes on where another process was cut off in the middle of
// one: tus.cjs URL FILE MEMORY BEGIN|RESUME. MEMORY is the file that remembers the address.
const fs = require("fs");
const tus = require("tus-js-client");

const [endpoint, path, memory, step] = process.argv.slice(2);
const begins = step === "BEGIN";
const asked = [];
let artifact;

const upload = new tus.Upload(fs.createReadStream(path), {
  endpoint,
  chunkSize: 1000000,
  metadata: { spec: "demo", task: "1", type: "log", name: "tus-js ü.log", filetype: "text/x-log" },
  urlStorage: new tus.FileUrlStorage(memory),
  uploadDataDuringCreation: true,
  retryDelays: [0, 200, 1000],
  onBeforeRequest: (request) => asked.push(request.getMethod()),
  onAfterResponse: (_request, response) => (artifact = response.getHeader("X-Artifact-Id")),
  onProgress: (sent) => {
    // Nothing is put in order.
    if (begins && sent > 2300000) process.exit(7);
  },
  onError: (error) => {
    console.error(String(error));
    process.exit(1);
  },
  onSuccess: () => {
    if (begins) throw new Error("it should have been cut off");
    if (asked[0] !== "HEAD" || asked.includes("POST")) throw new Error(`it began anew: ${asked}`);
    console.log(artifact);
  },
});

upload.findPreviousUploads().then((previous) => {
  if (begins !== (previous.length === 0)) throw new Error(`${previous.length} are remembered`);
  if (!begins) upload.resumeFromPreviousUpload(previous[0]);
  upload.start();
});
