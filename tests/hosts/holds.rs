// SPDX-License-Identifier: MIT
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::{env, mem, panic, path::Path, process, thread, time::Duration};

fn main() {
    panic::set_hook(Box::new(|_| {}));
    let l = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = l.local_addr().unwrap();
    let mut good = 0;
    for i in 0..100 {
        let r = panic::catch_unwind(|| {
            let _c = TcpStream::connect(at).unwrap();
            let _s = l.accept().unwrap();
            if i % 2 == 0 {
                panic!("over the sockets");
            }
        });
        good += r.is_err() as u32;
    }
    println!("panics {}", good);
    let threads: Vec<_> = (0..4).map(|_| {
        thread::spawn(move || (0..25).filter(|_| {
            let mut text = String::new();
            TcpStream::connect(at).unwrap().read_to_string(&mut text).unwrap();
            text == "hello"
        }).count())
    }).collect();
    for _ in 0..100 {
        l.accept().unwrap().0.write_all(b"hello").unwrap();
    }
    println!("threads {}", threads.into_iter().map(|t| t.join().unwrap()).sum::<usize>());
    for _ in 0..2 {
        mem::forget(TcpStream::connect(at).unwrap());
        l.accept().unwrap();
    }
    println!("ready");
    while !Path::new(&env::args().nth(1).unwrap()).exists() {
        thread::sleep(Duration::from_millis(50));
    }
    process::exit(8);
}
