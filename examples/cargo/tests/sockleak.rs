// SPDX-License-Identifier: MIT
//! sockleak.rs: the agent's C interface, found at run time: no crate, nothing to link. `mod sockleak;` in a test, and run `sockleak run -- cargo test`.
#![allow(dead_code)]
use std::ffi::CString;
use std::os::raw::{c_char, c_int, c_uint, c_void};

extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
}

fn find(name: &str) -> *mut c_void {
    let name = CString::new(name).unwrap();
    let found = unsafe { dlsym(std::ptr::null_mut(), name.as_ptr()) }; // RTLD_DEFAULT
    assert!(!found.is_null(), "the sockleak agent is not active: run the tests as `sockleak run -- cargo test` or with LD_PRELOAD=libsockleak.so");
    found
}

const ALL: c_uint = 0x3f;
const QUIET: c_uint = 0x2000_0000;
const THIS_THREAD: c_uint = 0x4000_0000; // cargo runs each test in a thread of its own, side by side

/// Panics, with the report, when a socket that this thread opened while CODE ran is still open after a second.
pub fn no_leaked_sockets<T>(code: impl FnOnce() -> T) -> T {
    unsafe {
        let mark: extern "C" fn() -> u64 = std::mem::transmute(find("sockleak_mark"));
        let check: extern "C" fn(u64, c_uint, c_int) -> c_int = std::mem::transmute(find("sockleak_check"));
        let text: extern "C" fn(*mut c_char, usize, u64, c_uint) -> c_int = std::mem::transmute(find("sockleak_text"));
        let start = mark();
        let result = code();
        let left = check(start, ALL | QUIET | THIS_THREAD, 1000);
        assert!(left >= 0, "the sockleak agent could not look");
        if left > 0 {
            let mut report = vec![0u8; text(std::ptr::null_mut(), 0, start, ALL | THIS_THREAD).max(0) as usize + 1];
            text(report.as_mut_ptr().cast(), report.len(), start, ALL | THIS_THREAD);
            panic!("sockets opened by this test and still open: {left}\n{}", String::from_utf8_lossy(&report[..report.len() - 1]));
        }
        result
    }
}
