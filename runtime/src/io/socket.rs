//! Sockets: addresses as people write them, and the calls that never wait.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::fd::OwnedFd,
};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::{
    handles::Handle,
    request::{Answer, Failure, Outcome},
};

/// Connections that the kernel keeps until they are accepted; it cuts this to its own limit.
const BACKLOG: i32 = 4096;

/// An address of numbers: `127.0.0.1:80`, `[::1]:80`, and `:80` for every interface (to listen) or this machine (to connect).
#[must_use]
pub fn parse(text: &[u8], listens: bool) -> Option<SocketAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Some(port) = text.strip_prefix(':') {
        let host = if listens { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        return port.parse().ok().map(|port| SocketAddr::new(IpAddr::V4(host), port));
    }
    text.parse().ok()
}

/// Whether a name can be looked up at all.
///
/// # Errors
/// What is wrong with it.
pub fn check(name: &str) -> Result<(), &'static str> {
    match name.rsplit_once(':') {
        None => Err("the address has no port: write `host:port`"),
        Some((_, port)) if port.parse::<u16>().is_err() => {
            Err("the address's port is no number from 0 to 65535")
        }
        Some(("", _)) => Err("the address has no host"),
        Some(_) => Ok(()),
    }
}

/// A stream socket of the address's family. Small messages go out at once.
///
/// # Errors
/// The system's.
pub fn stream(address: SocketAddr, nonblocking: bool) -> io::Result<OwnedFd> {
    let ty = Type::STREAM.cloexec();
    let ty = if nonblocking { ty.nonblocking() } else { ty };
    let socket = Socket::new_raw(Domain::for_address(address), ty, Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

/// A socket that listens. What it accepts sends small messages at once too.
///
/// # Errors
/// The system's.
pub fn listen(address: SocketAddr, nonblocking: bool) -> io::Result<OwnedFd> {
    let socket = Socket::from(stream(address, nonblocking)?);
    // A server that is started again need not wait until its old connections have faded away.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The address of this end.
pub fn local_address(handle: &Handle) -> Outcome {
    let Some(fd) = &handle.fd else { return Err(Failure::words("it is not open")) };
    let address = SockRef::from(fd).local_addr().map_err(|error| Failure::of_system(&error))?;
    let text = address.as_socket().map(|address| address.to_string()).unwrap_or_default();
    Ok(Answer { number: 0, bytes: text.into_bytes() })
}

/// Says that no more is coming.
pub fn shutdown(handle: &Handle) -> Outcome {
    let Some(fd) = &handle.fd else { return Err(Failure::words("it is not open")) };
    match SockRef::from(fd).shutdown(std::net::Shutdown::Write) {
        // The peer may have gone already.
        Err(error) if error.kind() != io::ErrorKind::NotConnected => {
            Err(Failure::of_system(&error))
        }
        _ => Ok(Answer::default()),
    }
}
