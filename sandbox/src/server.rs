//! The running server: its listeners, and what its clients need to find and to trust it.

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::environment::{Environment, authority};
use crate::feed::Feed;
use crate::files::CaFile;
use crate::listener::Acceptors;
use crate::options::ServerOptions;
use crate::sandbox::Sandbox;
use crate::{certificate, control, exchange, inspector, listener, log};

/// Serves as long as the runtime lives. Dropping it removes the file of the certificate.
pub struct Server {
    pub environment: Environment,
    _ca_file: CaFile,
}

impl Server {
    /// Binds the listeners and starts to serve.
    pub async fn start(options: ServerOptions) -> Result<Self, Box<dyn Error>> {
        if let Some(path) = &options.files.log_file {
            log::write_to(path)?;
        }
        let host = options.listen.host.as_str();
        let tls = bind(host, options.listen.port).await?;
        let control = bind(&Ipv4Addr::LOCALHOST.to_string(), options.listen.control_port).await?;
        let inspector = if options.listen.inspector {
            Some(bind(&Ipv4Addr::LOCALHOST.to_string(), options.listen.inspector_port).await?)
        } else {
            None
        };
        let inspector_port = inspector.as_ref().map(TcpListener::local_addr).transpose()?.map(|address| address.port());
        let inspector_url = inspector_port.map(|port| format!("http://127.0.0.1:{port}/"));
        let authority = authority(host, tls.local_addr()?.port());

        let identity = certificate::generate(host)?;
        let ca_file = CaFile::write(options.files.dir.as_deref(), &identity.ca_pem)?;
        let control_port = control.local_addr()?.port();
        let environment =
            Environment::new(&authority, control_port, inspector_url.clone(), ca_file.path(), &options.credentials);

        let feed = inspector.is_some().then(Feed::default);
        let sandbox = Sandbox::new(options.credentials, options.behaviour, &options.dpop, &authority, feed);
        let sandbox = Arc::new(sandbox);
        let acceptors = Acceptors {
            usual: TlsAcceptor::from(Arc::new(identity.server_config)),
            strict: TlsAcceptor::from(Arc::new(identity.strict_config)),
        };
        let counted = Arc::clone(&sandbox);
        tokio::spawn(listener::serve(tls, Some(acceptors), exchange::router(Arc::clone(&sandbox)), move || {
            let mut state = counted.state();
            state.statistics.connections += 1;
            state.connection_faults.take().or_else(|| state.switches.connection())
        }));
        tokio::spawn(listener::serve(control, None, control::router(Arc::clone(&sandbox)), || None));
        if let (Some(inspector), Some(port), Some(url)) = (inspector, inspector_port, inspector_url) {
            tokio::spawn(listener::serve(inspector, None, inspector::router(&sandbox, &authority, port), || None));
            tokio::spawn(inspector::report_changes(sandbox, authority));
            log::complain(&format!("the inspector is at {url}"));
        }
        Ok(Self { environment, _ca_file: ca_file })
    }
}

async fn bind(host: &str, port: u16) -> Result<TcpListener, String> {
    TcpListener::bind((host, port)).await.map_err(|error| format!("cannot listen on {host} port {port}: {error}"))
}
