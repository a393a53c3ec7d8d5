//! Stands between client and server, and answers for the server where a test says so.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What happens to one request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The server gets it and answers; the connection closes before the answer arrives.
    AnswerLost,
    /// The server never gets it: this is answered instead.
    Answered { status: u16, headers: &'static str, body: &'static str },
    /// The connection closes at once.
    Closed,
}

/// A proxy that treats the first requests as told, and passes all others on.
#[derive(Clone)]
pub(crate) struct Proxy {
    address: SocketAddr,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    requests: Arc<Mutex<Vec<Message>>>,
}

/// A request or a response: its head, with the empty line, and its body.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// `None` at the end of the connection. Both sides state the length of a body, or it has none.
    async fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let head_end = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        };
        let body = bytes.split_off(head_end);
        let mut message = Self { head: String::from_utf8(bytes).unwrap(), body };
        let length = message.header("content-length").map_or(0, |length| length.parse().unwrap());
        while message.body.len() < length {
            if stream.read_buf(&mut message.body).await.ok()? == 0 {
                return None;
            }
        }
        Some(message)
    }

    async fn write(&self, stream: &mut TcpStream) -> Option<()> {
        stream.write_all(self.head.as_bytes()).await.ok()?;
        stream.write_all(&self.body).await.ok()
    }
}

impl Proxy {
    pub(crate) async fn before(server: SocketAddr, faults: impl Into<VecDeque<Fault>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            faults: Arc::new(Mutex::new(faults.into())),
            requests: Arc::default(),
        };
        let serving = proxy.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let connection = serving.clone();
                tokio::spawn(async move { connection.serve(stream, server).await });
            }
        });
        proxy
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What came in, in order.
    pub(crate) fn requests(&self) -> Vec<Message> {
        self.requests.lock().unwrap().clone()
    }

    /// Serves one connection; ends where either side does.
    async fn serve(&self, mut client: TcpStream, server: SocketAddr) -> Option<()> {
        while let Some(request) = Message::read(&mut client).await {
            self.requests.lock().unwrap().push(request.clone());
            let fault = self.faults.lock().unwrap().pop_front();
            match fault {
                Some(Fault::Closed) => return None,
                Some(Fault::Answered { status, headers, body }) => {
                    let length = body.len();
                    let head = format!("HTTP/1.1 {status} Told\r\n{headers}Content-Length: {length}\r\n\r\n");
                    Message { head, body: body.into() }.write(&mut client).await?;
                }
                Some(Fault::AnswerLost) => {
                    ask(server, &request).await?;
                    return None;
                }
                None => ask(server, &request).await?.write(&mut client).await?,
            }
        }
        None
    }
}

async fn ask(server: SocketAddr, request: &Message) -> Option<Message> {
    let mut stream = TcpStream::connect(server).await.ok()?;
    request.write(&mut stream).await?;
    Message::read(&mut stream).await
}
