//! One connection of HTTP/1.1, as plain as can be: it shall not be what is measured.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// Where a server is, and what its paths begin with.
pub(crate) struct Place {
    host: String,
    path: String,
}

impl Place {
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let rest = url
            .strip_prefix("http://")
            .ok_or("only http:// is spoken")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        Ok(Self {
            host: host.to_owned(),
            path: format!("/{path}"),
        })
    }
}

/// One connection.
pub(crate) struct Client<'a> {
    place: &'a Place,
    stream: BufReader<TcpStream>,
    buffer: Vec<u8>,
}

/// What came.
pub(crate) struct Got {
    pub(crate) bytes: usize,
    /// Whether they are as they were stored, and not compressed.
    pub(crate) is_plain: bool,
    /// Where the server says to go on.
    pub(crate) location: Option<String>,
}

impl<'a> Client<'a> {
    pub(crate) fn connect(place: &'a Place) -> Result<Self, String> {
        let stream = TcpStream::connect(&place.host).map_err(|error| error.to_string())?;
        let set = stream
            .set_nodelay(true)
            .and(stream.set_read_timeout(Some(PATIENCE)));
        set.map_err(|error| error.to_string())?;
        Ok(Self {
            place,
            stream: BufReader::with_capacity(256 << 10, stream),
            buffer: Vec::new(),
        })
    }

    pub(crate) fn put<'b>(
        &mut self,
        name: &str,
        headers: &str,
        body: impl Iterator<Item = &'b [u8]> + Clone,
    ) -> Result<(), String> {
        self.put_at(&format!("{}{name}", self.place.path), headers, body)
    }

    /// The same, to a path of the server's own choice.
    pub(crate) fn put_at<'b>(
        &mut self,
        path: &str,
        headers: &str,
        body: impl Iterator<Item = &'b [u8]> + Clone,
    ) -> Result<(), String> {
        let length: usize = body.clone().map(<[u8]>::len).sum();
        let length = format!("Content-Length: {length}\r\n");
        self.head("PUT", path, &(length + headers));
        for piece in body {
            if self.buffer.len() + piece.len() <= 64 << 10 {
                self.buffer.extend_from_slice(piece);
            } else {
                self.flush()?;
                self.stream
                    .get_mut()
                    .write_all(piece)
                    .map_err(|error| error.to_string())?;
            }
        }
        self.flush()?;
        self.answer().map(|_| ())
    }

    pub(crate) fn get(&mut self, name: &str, headers: &str) -> Result<Got, String> {
        self.head("GET", &format!("{}{name}", self.place.path), headers);
        self.flush()?;
        self.answer()
    }

    /// Asks for something without a body.
    pub(crate) fn post(&mut self, name: &str, headers: &str) -> Result<Got, String> {
        let path = format!("{}{name}", self.place.path);
        self.head("POST", &path, &format!("Content-Length: 0\r\n{headers}"));
        self.flush()?;
        self.answer()
    }

    fn head(&mut self, method: &str, path: &str, headers: &str) {
        let host = &self.place.host;
        self.buffer.clear();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
        self.buffer.extend_from_slice(head.as_bytes());
    }

    fn flush(&mut self) -> Result<(), String> {
        let sent = self.stream.get_mut().write_all(&self.buffer);
        self.buffer.clear();
        sent.map_err(|error| error.to_string())
    }

    fn answer(&mut self) -> Result<Got, String> {
        let fault = |error: std::io::Error| error.to_string();
        let mut line = String::new();
        self.stream.read_line(&mut line).map_err(fault)?;
        let status = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let (mut length, mut is_chunked, mut is_plain) = (None, false, true);
        let mut location = None;
        loop {
            line.clear();
            self.stream.read_line(&mut line).map_err(fault)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok(),
                "transfer-encoding" => is_chunked = true,
                "content-encoding" => is_plain = false,
                "location" => location = Some(value.to_owned()),
                _ => {}
            }
        }
        let mut bytes = 0;
        if is_chunked {
            loop {
                line.clear();
                self.stream.read_line(&mut line).map_err(fault)?;
                let size = usize::from_str_radix(line.trim(), 16).map_err(|_| "a bad chunk")?;
                self.skip(size)?;
                bytes += size;
                line.clear();
                self.stream.read_line(&mut line).map_err(fault)?;
                if size == 0 {
                    break;
                }
            }
        } else if status != "204" {
            bytes = length.ok_or("an answer without a length")?;
            self.skip(bytes)?;
        }
        if status.starts_with('2') {
            Ok(Got {
                bytes,
                is_plain,
                location,
            })
        } else {
            Err(format!("the server answered {status}"))
        }
    }

    fn skip(&mut self, size: usize) -> Result<(), String> {
        let mut rest = (&mut self.stream).take(size as u64);
        let copied = std::io::copy(&mut rest, &mut std::io::sink());
        match copied {
            Ok(count) if count == size as u64 => Ok(()),
            Ok(_) => Err("an answer was cut off".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}
