//! `tango-token serve`: tokens over HTTP on this machine, for languages without a binding.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;
use crate::options::Options;
use crate::serve;

#[derive(Args)]
pub struct Serve {
    /// Unix socket to serve on, which only you can use [default: $XDG_RUNTIME_DIR/tango-token/serve.sock]
    #[arg(long, value_name = "PATH", conflicts_with = "listen")]
    socket: Option<PathBuf>,
    /// Loopback address to serve on instead, such as 127.0.0.1:8731; callers need the bearer
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// File to write the bearer of --listen to, which only you can read [default:
    /// $XDG_RUNTIME_DIR/tango-token/serve.bearer]
    #[arg(long, value_name = "FILE")]
    bearer_file: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

impl Serve {
    pub fn run(self) -> Result<(), Failure> {
        let client = self.options.client()?;
        let place = serve::Place { socket: self.socket, listen: self.listen, bearer_file: self.bearer_file };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(serve::run(client, place))
    }
}
