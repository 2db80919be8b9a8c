//! The running server: its two listeners, and what its clients need to find and to trust it.

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::environment::{Environment, authority};
use crate::files::CaFile;
use crate::listener::Acceptors;
use crate::options::ServerOptions;
use crate::sandbox::Sandbox;
use crate::{certificate, control, exchange, listener, log};

/// Serves as long as the runtime lives. Dropping it removes the file of the certificate.
pub struct Server {
    pub environment: Environment,
    _ca_file: CaFile,
}

impl Server {
    /// Binds both listeners and starts to serve.
    pub async fn start(options: ServerOptions) -> Result<Self, Box<dyn Error>> {
        if let Some(path) = &options.files.log_file {
            log::write_to(path)?;
        }
        let host = options.listen.host.as_str();
        let tls = bind(host, options.listen.port).await?;
        let control = bind(&Ipv4Addr::LOCALHOST.to_string(), options.listen.control_port).await?;
        let authority = authority(host, tls.local_addr()?.port());

        let identity = certificate::generate(host)?;
        let ca_file = CaFile::write(options.files.dir.as_deref(), &identity.ca_pem)?;
        let control_port = control.local_addr()?.port();
        let environment = Environment::new(&authority, control_port, ca_file.path(), &options.credentials);

        let sandbox = Arc::new(Sandbox::new(options.credentials, options.behaviour, &options.dpop, &authority));
        let acceptors = Acceptors {
            usual: TlsAcceptor::from(Arc::new(identity.server_config)),
            strict: TlsAcceptor::from(Arc::new(identity.strict_config)),
        };
        let counted = Arc::clone(&sandbox);
        tokio::spawn(listener::serve(tls, Some(acceptors), exchange::router(Arc::clone(&sandbox)), move || {
            let mut state = counted.state();
            state.statistics.connections += 1;
            state.connection_faults.take()
        }));
        tokio::spawn(listener::serve(control, None, control::router(sandbox), || None));
        Ok(Self { environment, _ca_file: ca_file })
    }
}

async fn bind(host: &str, port: u16) -> Result<TcpListener, String> {
    TcpListener::bind((host, port)).await.map_err(|error| format!("cannot listen on {host} port {port}: {error}"))
}
