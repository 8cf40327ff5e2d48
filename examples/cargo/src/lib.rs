// SPDX-License-Identifier: MIT
//! login(): Rust closes what goes out of scope; what is handed out as a raw descriptor, or forgotten, it does not.
use std::net::UdpSocket;

pub fn login(user: &str) -> bool {
    let connection = UdpSocket::bind("127.0.0.1:0").expect("no socket");
    if user.is_empty() && !cfg!(feature = "fixed") {
        std::mem::forget(connection); // as into_raw_fd() for a C library that never closes it
        return false;
    }
    !user.is_empty()
}
