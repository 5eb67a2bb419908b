//! One connection through the proxy: a thread per direction, since a server may answer before it has
//! read everything. Knows no rules; it asks the plan what happens to each request.

use std::io::{self, BufReader, ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use super::http::{Framing, Head, Piece, read_body};
use super::{Fault, Plan, Request};

/// How long a client that was answered early may go on sending before the connection is cut.
const DRAIN: Duration = Duration::from_secs(2);

/// What the direction of responses must know of a request: its method, and what is to go wrong.
type Expected = (String, Option<Fault>);

/// The direction of requests.
pub(super) struct Connection {
    client: Arc<TcpStream>,
    server: Arc<TcpStream>,
    plan: Arc<Plan>,
    expected: Sender<Expected>,
}

impl Connection {
    pub(super) fn start(client: Arc<TcpStream>, server: Arc<TcpStream>, plan: Arc<Plan>) {
        let (from_server, to_client) = (Arc::clone(&server), Arc::clone(&client));
        for stream in [&client, &server] {
            // Slower without it, no more.
            let _ = stream.set_nodelay(true);
        }
        let (expected, expects) = channel();
        let connection = Self {
            client,
            server,
            plan,
            expected,
        };
        thread::spawn(move || {
            // An error means that one side has gone, or that a fault cuts: the other side learns it.
            let _ = hand_back(&from_server, &to_client, &expects);
            cut(&from_server, &to_client);
        });
        thread::spawn(move || {
            if connection.hand_on().is_err() {
                cut(&connection.server, &connection.client);
            } else {
                // The client sends no more, and may still read.
                let _ = connection.server.shutdown(Shutdown::Write);
            }
        });
    }

    fn hand_on(&self) -> io::Result<()> {
        let mut from = BufReader::new(&*self.client);
        while let Some(head) = Head::read(&mut from)? {
            let method = head.word(0).to_owned();
            let fault = self.plan.note(Request {
                method: method.clone(),
                target: head.word(1).to_owned(),
                headers: head.headers(),
            });
            match &fault {
                Some(Fault::Answer(status, body)) => {
                    return self.answer(&mut from, &method, *status, body);
                }
                Some(Fault::Delay(time)) => thread::sleep(*time),
                _ => {}
            }
            // Whoever hands back goes first, so that no response comes unexpected.
            let _ = self.expected.send((method, fault.clone()));
            (&*self.server).write_all(&head.bytes)?;
            let mut body = Body {
                to: &self.server,
                passed: 0,
                cut: match fault {
                    Some(Fault::CutRequest(after)) => Some(after),
                    _ => None,
                },
                flip: match fault {
                    Some(Fault::FlipRequest(at)) => Some(at),
                    _ => None,
                },
                stall: None,
            };
            body.hand_on(&mut from, head.request_framing())?;
        }
        Ok(())
    }

    /// Answers in place of the server, and ends the connection once the client has read it.
    fn answer(
        &self,
        from: &mut BufReader<&TcpStream>,
        method: &str,
        status: u16,
        body: &str,
    ) -> io::Result<()> {
        let head = format!(
            "HTTP/1.1 {status} Injected\r\nContent-Type: application/xml\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let body = if method == "HEAD" { "" } else { body };
        let mut client = &*self.client;
        client.write_all(format!("{head}{body}").as_bytes())?;
        client.shutdown(Shutdown::Write)?;
        // Cut at once, the answer would be lost with what the client is still sending.
        self.client.set_read_timeout(Some(DRAIN))?;
        read_body(from, Framing::ToTheEnd, &mut |_| Ok(()))?;
        Err(ErrorKind::ConnectionAborted.into())
    }
}

/// The direction of responses.
fn hand_back(from: &TcpStream, to: &TcpStream, expected: &Receiver<Expected>) -> io::Result<()> {
    let mut from = BufReader::new(from);
    while let Some(head) = Head::read(&mut from)? {
        if head.is_interim() {
            { to }.write_all(&head.bytes)?;
            continue;
        }
        let Ok((method, fault)) = expected.recv() else {
            return Err(ErrorKind::InvalidData.into()); // a response without a request
        };
        if let Some(Fault::LoseAnswer(status)) = fault {
            let answer = format!(
                "HTTP/1.1 {status} Injected\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            { to }.write_all(answer.as_bytes())?;
            return Err(ErrorKind::ConnectionAborted.into());
        }
        { to }.write_all(&head.bytes)?;
        let mut body = Body {
            to,
            passed: 0,
            cut: match fault {
                Some(Fault::CutResponse(after)) => Some(after),
                _ => None,
            },
            flip: match fault {
                Some(Fault::FlipResponse(at)) => Some(at),
                _ => None,
            },
            stall: match fault {
                Some(Fault::StallResponse(after, time)) => Some((after, time)),
                _ => None,
            },
        };
        body.hand_on(&mut from, head.response_framing(&method))?;
    }
    Ok(())
}

fn cut(one: &TcpStream, other: &TcpStream) {
    for stream in [one, other] {
        // It may have been cut already.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// A body on its way, and what is to happen to it.
struct Body<'a> {
    to: &'a TcpStream,
    /// Bytes of its content that have passed.
    passed: u64,
    cut: Option<u64>,
    flip: Option<u64>,
    stall: Option<(u64, Duration)>,
}

impl Body<'_> {
    fn hand_on(&mut self, from: &mut BufReader<&TcpStream>, framing: Framing) -> io::Result<()> {
        read_body(from, framing, &mut |piece| match piece {
            Piece::Around(bytes) => self.to.write_all(bytes),
            Piece::Content(bytes) => self.content(bytes),
        })
    }

    fn content(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        if let Some(at) = within(self.flip, self.passed, bytes.len()) {
            bytes[at] ^= 1;
        }
        if let Some(at) = within(self.cut, self.passed, bytes.len()) {
            self.to.write_all(&bytes[..at])?;
            return Err(ErrorKind::ConnectionAborted.into());
        }
        let mut rest = &bytes[..];
        if let Some((after, time)) = self.stall
            && let Some(at) = within(Some(after), self.passed, bytes.len())
        {
            self.to.write_all(&bytes[..at])?;
            thread::sleep(time);
            rest = &bytes[at..];
        }
        self.passed += bytes.len() as u64;
        self.to.write_all(rest)
    }
}

/// Where in a piece of `length` bytes, before which `passed` bytes have come, a place lies.
fn within(place: Option<u64>, passed: u64, length: usize) -> Option<usize> {
    let at = usize::try_from(place?.checked_sub(passed)?).ok()?;
    (at < length).then_some(at)
}
