//! What a client is told that speaks plain HTTP where TLS is spoken. Knows no route.

use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How much is read of what it sends, and how long for, so that it sees the answer.
const MOST_BYTES: u64 = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(2);

const BODY: &str = r#"{"type":"urn:artifact-store:error:invalid-input","title":"Bad Request","status":400,"detail":"this port speaks TLS","hint":"ask by https://"}"#;

/// Answers, and ends the connection.
pub(super) async fn answer(mut stream: TcpStream) {
    let status = StatusCode::BAD_REQUEST;
    let text = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{BODY}",
        BODY.len()
    );
    // Whoever has gone need not be told.
    let _ = timeout(PATIENCE, async {
        stream.write_all(text.as_bytes()).await?;
        stream.shutdown().await?;
        let mut rest = stream.take(MOST_BYTES);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    })
    .await;
}
