// SPDX-License-Identifier: MIT
//! login.rs: --features fixed says which login() is tested.
mod sockleak;

#[test]
fn a_refused_login_leaks_nothing() {
    sockleak::no_leaked_sockets(|| assert!(!login::login("")));
}
