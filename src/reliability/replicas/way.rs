//! A way to a PostgreSQL server that can be cut: a socket of this machine, whose bytes go on to the server's or stay where they are,
//! as in a network that is cut. Nothing is refused and nothing ends: whoever waits for an answer waits.

use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::store::ServerSocket;

/// The name of a server's socket in its directory.
const SOCKET: &str = ".s.PGSQL.5432";

/// See the module. It ends with its value.
pub(super) struct Way {
    pub(super) dir: PathBuf,
    cut: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Way {
    /// Through a socket in this directory, which is made.
    pub(super) fn open(dir: &Path, to: ServerSocket) -> Result<Self, String> {
        let failed = |e: std::io::Error| format!("no way to the server in {}: {e}", dir.display());
        std::fs::create_dir(dir).map_err(failed)?;
        let listener = UnixListener::bind(dir.join(SOCKET)).map_err(failed)?;
        let (cut, is_cut) = watch::channel(false);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(joined(client, to.clone(), is_cut.clone()));
            }
        });
        Ok(Self { dir: dir.to_owned(), cut, task })
    }

    /// From now on nothing goes through, either way; or all of it, what waits first.
    pub(super) fn cut(&self, cut: bool) {
        self.cut.send_replace(cut);
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn joined(client: UnixStream, to: ServerSocket, is_cut: watch::Receiver<bool>) {
    let (from, into) = client.into_split();
    match to {
        ServerSocket::Unix(path) => {
            let Ok(server) = UnixStream::connect(path).await else { return };
            let (answers, asks) = server.into_split();
            tokio::join!(pass_on(from, asks, is_cut.clone()), pass_on(answers, into, is_cut));
        }
        ServerSocket::Tcp(host, port) => {
            let Ok(server) = TcpStream::connect((host, port)).await else { return };
            let (answers, asks) = server.into_split();
            tokio::join!(pass_on(from, asks, is_cut.clone()), pass_on(answers, into, is_cut));
        }
    }
}

async fn pass_on(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut is_cut: watch::Receiver<bool>) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(n @ 1..) = from.read(&mut bytes).await {
        // Nobody can open a way again that is gone.
        if is_cut.wait_for(|cut| !cut).await.is_err() {
            break;
        }
        if to.write_all(bytes.get(..n).unwrap_or_default()).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
