//! Servers of `examples/` with real clients, the ways to the kernel, and what input and output leave in a state.
//!
//! Servers listen on a port of the system's choice and print it; the clients are sockets of this process, `curl`, and programs of
//! `tests/network/`.

use orion_tests::compile::Compiler;
use orion_tests::process::{self, Output};
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The two ways to the kernel, as `ORION_IO` names them.
const WAYS: [&str; 2] = ["io_uring", "epoll"];

fn executable(source: &str) -> PathBuf {
    let compiler =
        Compiler::new(env!("CARGO_BIN_EXE_orionc-under-test"), env!("CARGO_TARGET_TMPDIR"));
    compiler.executable(Path::new(source), 2).unwrap_or_else(|error| panic!("{error}"))
}

/// A server that is killed when it goes out of scope.
struct Server {
    child: Child,
    addr: String,
}

impl Server {
    fn start(source: &str, way: &str) -> Self {
        Self::start_with(source, way, &["127.0.0.1:0"])
    }

    /// With all arguments.
    fn start_with(source: &str, way: &str, arguments: &[&str]) -> Self {
        Self::of(Command::new(executable(source)).args(arguments).env("ORION_IO", way))
    }

    /// One that says where it listens, perhaps after something else.
    fn of(command: &mut Command) -> Self {
        let mut child = command
            .env_remove("ORION_FORCE")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let stdout = BufReader::new(child.stdout.as_mut().expect("standard output is piped"));
        let addr = stdout
            .lines()
            .find_map(|line| Some(line.expect("UTF-8").strip_prefix("listening on ")?.to_owned()));
        Self { child, addr: addr.expect("an address") }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.addr).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        stream
    }

    /// The processor time that it has used itself, outside of the kernel.
    fn user_time(&self) -> Duration {
        self.time_of(11)
    }

    /// All processor time that it has used.
    fn processor_time(&self) -> Duration {
        self.time_of(11) + self.time_of(12)
    }

    fn time_of(&self, field: usize) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        // In hundredths of a second; fields are counted from the one behind the last parenthesis.
        let behind = stat.rsplit_once(')').expect("a name").1;
        let ticks: u64 =
            behind.split_whitespace().nth(field).and_then(|n| n.parse().ok()).expect("");
        Duration::from_millis(10 * ticks)
    }

    /// Sends bytes, and reads until the server closes.
    fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // A server that refuses may close before it has read everything.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the server closes");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        self.child.wait().expect("it ends");
    }
}

/// Ten thousand connections, or as many as the hard limit of descriptors leaves room for (the runtime raises the soft one).
fn connection_count() -> u64 {
    let limit = Command::new("sh").args(["-c", "ulimit -Hn"]).output().expect("sh runs");
    let limit = String::from_utf8_lossy(&limit.stdout).trim().parse().unwrap_or(u64::MAX);
    limit.saturating_sub(200).min(10_000)
}

#[test]
fn an_echo_server_keeps_ten_thousand_connections() {
    let count = connection_count();
    for way in WAYS {
        let server = Server::start("../examples/echo_server.or", way);
        let mut client = Command::new(executable("network/many_clients.or"));
        client
            .args([&server.addr, &count.to_string()])
            .env_remove("ORION_FORCE")
            .env("ORION_IO", way);
        let seen = process::run(&mut client, b"").expect("it ends");
        assert_eq!(
            (seen.status, seen.stdout.as_str()),
            (0, format!("{count} connections\n{} right answers\n", 3 * count).as_str()),
            "{way}: {}",
            seen.describe()
        );
    }
}

#[test]
fn many_connections_cost_no_more_with_threads() {
    let time = |threads: &str| {
        let server = Server::start_with(
            "../examples/echo_server.or",
            "io_uring",
            &["--threads", threads, "127.0.0.1:0"],
        );
        let mut client = Command::new(executable("network/many_clients.or"));
        client.args([&server.addr, "3000"]).env_remove("ORION_FORCE");
        let seen = process::run(&mut client, b"").expect("it ends");
        assert_eq!(seen.stdout, "3000 connections\n9000 right answers\n", "{}", seen.describe());
        server.user_time()
    };
    let (one, four) = (time("1"), time("4"));
    // Workers that look for work between any two messages take ten times as much.
    assert!(four < one * 4 + Duration::from_millis(50), "{one:?} with one, {four:?} with four");
}

#[test]
fn a_burst_of_connections_is_accepted_in_few_rounds_and_what_nobody_took_is_closed() {
    const TAKEN: usize = 1000;
    const LEFT: usize = 40;
    for way in WAYS {
        let mut child = Command::new(executable("network/accept_burst.or"))
            .env_remove("ORION_FORCE")
            .env("ORION_IO", way)
            .env("ORION_STATS", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stdin = child.stdin.take().expect("piped");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let addr = line(&mut stdout).replace("listening on ", "");
        let mut clients: Vec<TcpStream> = Vec::new();
        for _ in 0..TAKEN + LEFT {
            let client = TcpStream::connect(&addr).expect("connected");
            client.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
            clients.push(client);
        }
        stdin.write_all(format!("{TAKEN}\n").as_bytes()).expect("sent");
        assert_eq!(line(&mut stdout), "Ok(())", "{way}");
        for client in &mut clients[TAKEN..] {
            // Closed, or reset while the kernel had it still.
            let seen = client.read(&mut [0; 8]);
            let is_reset =
                matches!(&seen, Err(error) if error.kind() == ErrorKind::ConnectionReset);
            assert!(is_reset || matches!(seen, Ok(0)), "{way}: {seen:?}");
        }
        stdin.write_all(b"go on\n").expect("sent");
        for client in &mut clients[..TAKEN] {
            let mut greeting = String::new();
            client.read_to_string(&mut greeting).expect("UTF-8");
            assert_eq!(greeting, client.local_addr().expect("an address").to_string(), "{way}");
        }
        let mut stderr = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("UTF-8");
        assert_eq!(process::status_code(child.wait().expect("it ends")), 0, "{way}: {stderr}");
        let rounds: usize = stderr
            .split_once(": ")
            .and_then(|(_, counts)| counts.split(' ').next())
            .and_then(|rounds| rounds.parse().ok())
            .unwrap_or_else(|| panic!("{way}: {stderr}"));
        // Writes are a round each here; one accept a round would make twice as many.
        assert!(rounds < TAKEN + TAKEN / 4, "{way}: {stderr}");
    }
}

#[test]
fn an_echo_server_answers_clients_of_another_language() {
    for way in WAYS {
        let server = Server::start("../examples/echo_server.or", way);
        let mut clients: Vec<TcpStream> = (0..100).map(|_| server.connect()).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            client.write_all(format!("client {number}").as_bytes()).expect("sent");
        }
        for (number, client) in clients.iter_mut().enumerate() {
            client.shutdown(Shutdown::Write).expect("shut down");
            let mut answer = String::new();
            client.read_to_string(&mut answer).expect("UTF-8");
            assert_eq!(answer, format!("client {number}"), "{way}");
        }
        // More than all buffers between the two ends hold, written while it is read.
        let mut writer = server.connect();
        let mut reader = writer.try_clone().expect("cloned");
        let bytes: Vec<u8> = (0..20_000_000u32).map(|n| (n % 251) as u8).collect();
        let sent = bytes.clone();
        let thread = std::thread::spawn(move || {
            writer.write_all(&sent).expect("sent");
            writer.shutdown(Shutdown::Write).expect("shut down");
        });
        let mut answer = Vec::new();
        reader.read_to_end(&mut answer).expect("read");
        thread.join().expect("it ends");
        assert!(answer == bytes, "{way}: {} bytes came back", answer.len());
    }
}

#[test]
fn a_chat_server_passes_lines_on() {
    for way in WAYS {
        let server = Server::start("../examples/chat_server.or", way);
        let join = |name: &str, count: usize| {
            let mut stream = BufReader::new(server.connect());
            stream.get_mut().write_all(format!("{name}\n").as_bytes()).expect("sent");
            assert_eq!(line(&mut stream), format!("* welcome, {name}: {count} here"));
            stream
        };
        let mut clients: Vec<BufReader<TcpStream>> = Vec::new();
        for number in 0..20 {
            let new = join(&format!("c{number}"), number + 1);
            for client in &mut clients {
                assert_eq!(line(client), format!("* c{number} has joined"));
            }
            clients.push(new);
        }
        clients[7].get_mut().write_all(b"hello\r\nagain\n").expect("sent");
        for (number, client) in clients.iter_mut().enumerate() {
            if number != 7 {
                assert_eq!(line(client), "c7: hello");
                assert_eq!(line(client), "c7: again");
            }
        }
        drop(clients.remove(7));
        for client in &mut clients {
            assert_eq!(line(client), "* c7 has left");
        }
    }
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).expect("UTF-8");
    line.trim_end().to_owned()
}

/// What a request is answered with: the statuses of all answers, in order.
fn statuses(answer: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = answer;
    while let Some(at) = rest.find("HTTP/1.1 ") {
        rest = &rest[at + 9..];
        if rest.starts_with(|first: char| first.is_ascii_digit()) {
            found.push(&rest[..3]);
        }
    }
    found
}

#[test]
fn an_http_server_refuses_what_is_malformed() {
    let server = Server::start("../examples/http_server.or", "io_uring");
    let long = "a".repeat(9_000);
    let many = "X: y\r\n".repeat(101);
    let wide = format!("X: {}\r\n", "y".repeat(70_000));
    let host = "Host: here\r\n";
    let cases: Vec<(&str, String)> = vec![
        ("400", "GET / HTTP/1.1\r\n\r\n".into()),
        ("400", format!("GET / HTTP/1.1\r\n{host}{host}\r\n")),
        ("400", format!("GET /\r\n{host}\r\n")),
        ("400", format!("GET  / HTTP/1.1\r\n{host}\r\n")),
        ("400", format!("G@T / HTTP/1.1\r\n{host}\r\n")),
        ("400", format!("GET here HTTP/1.1\r\n{host}\r\n")),
        ("400", format!("GET / HTTP/1\r\n{host}\r\n")),
        ("400", format!("GET / http/1.1\r\n{host}\r\n")),
        ("400", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n".into()),
        ("400", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n".into()),
        ("400", format!("GET /#there HTTP/1.1\r\n{host}\r\n")),
        ("505", format!("GET / HTTP/2.0\r\n{host}\r\n")),
        ("400", "GET / HTTP/1.1\nHost: here\n\n".into()),
        ("400", "GET / HTTP/1.1\r\nHost: here\r\nA: b\rc\r\n\r\n".into()),
        ("400", "GET / HTTP/1.1\r\nHost: here\r\nA: b\0c\r\n\r\n".into()),
        ("400", "GET / HTTP/1.1\r\nHost : here\r\n\r\n".into()),
        ("400", format!("GET / HTTP/1.1\r\n{host}A: b\r\n folded\r\n\r\n")),
        ("400", format!("GET / HTTP/1.1\r\n{host}no colon\r\n\r\n")),
        ("414", format!("GET /{long} HTTP/1.1\r\n{host}\r\n")),
        ("414", format!("GET /{long}")),
        ("431", format!("GET / HTTP/1.1\r\n{host}{many}\r\n")),
        ("431", format!("GET / HTTP/1.1\r\n{host}{wide}\r\n")),
        ("501", format!("CONNECT here:80 HTTP/1.1\r\n{host}\r\n")),
        ("417", format!("POST / HTTP/1.1\r\n{host}Expect: more\r\n\r\n")),
        ("400", format!("POST / HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\n")),
        (
            "400",
            format!("POST / HTTP/1.1\r\n{host}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        ),
        ("413", format!("POST / HTTP/1.1\r\n{host}Content-Length: 9000000\r\n\r\n")),
        ("501", format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: gzip\r\n\r\n")),
        (
            "400",
            format!(
                "POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"
            ),
        ),
        ("400", format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nxyz\r\n")),
        ("400", format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n")),
        ("413", format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nfffffff\r\n")),
        ("400", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into()),
        ("400", "\0\r\n\r\n".into()),
    ];
    for (status, request) in cases {
        let answer = server.exchange(request.as_bytes());
        let shown = request.chars().take(80).collect::<String>();
        assert_eq!(statuses(&answer), [status], "{shown:?}: {answer}");
        assert!(answer.contains("Connection: close\r\n"), "{shown:?}: {answer}");
    }
    // It serves on.
    let answer = server.exchange(b"GET / HTTP/1.0\r\n\r\n");
    assert!(answer.ends_with("visit 1</p>\n"), "{answer}");
}

#[test]
fn an_http_server_keeps_connections_and_order() {
    for way in WAYS {
        let server = Server::start("../examples/http_server.or", way);
        // Three requests at once, the second with a chunked body, the last of the older version.
        let answer = server.exchange(
            b"GET /greet?name=A HTTP/1.1\r\nHost: h\r\n\r\n\
              POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n\
              4;x=y\r\nfirs\r\n1\r\nt\r\n0\r\nTrailer: t\r\n\r\n\
              \r\nGET /greet?name=%43 HTTP/1.0\r\n\r\n",
        );
        assert_eq!(statuses(&answer), ["200", "200", "200"], "{way}: {answer}");
        let bodies: Vec<usize> = ["Hello, A!", "first", "Hello, C!"]
            .iter()
            .map(|body| answer.find(body).unwrap_or_else(|| panic!("{way}: {answer}")))
            .collect();
        assert!(bodies.is_sorted(), "{way}: {answer}");
        // A panic of the handler is one answer, and the connection goes on.
        let answer = server.exchange(
            b"GET /panic HTTP/1.1\r\nHost: h\r\n\r\nHEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        );
        assert_eq!(statuses(&answer), ["500", "200"], "{way}: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{way}: HEAD has no body: {answer}");
        // A request that comes byte by byte, with a body that is waited for.
        let mut stream = BufReader::new(server.connect());
        let head =
            b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
        for byte in head {
            stream.get_mut().write_all(&[*byte]).expect("sent");
        }
        assert_eq!(line(&mut stream), "HTTP/1.1 100 Continue");
        assert_eq!(line(&mut stream), "");
        stream.get_mut().write_all(b"abc").expect("sent");
        assert_eq!(line(&mut stream), "HTTP/1.1 200 OK");
        stream.get_mut().write_all(b"GET / HTTP/1.0\r\n\r\n").expect("sent");
        let mut rest = String::new();
        stream.read_to_string(&mut rest).expect("UTF-8");
        assert!(rest.contains("\r\n\r\nabcHTTP/1.1 200 OK\r\n"), "{way}: {rest}");
    }
}

#[test]
fn curl_is_served() {
    let server = Server::start("../examples/http_server.or", "io_uring");
    let curl = |arguments: &[&str], input: &[u8]| {
        let (status, text) = curl(arguments, input);
        assert_eq!(status, 0, "{text}");
        text
    };
    let url = |path: &str| format!("http://{}{path}", server.addr);
    let big = "0123456789".repeat(300_000);
    assert_eq!(curl(&[&url("/greet?name=curl")], b""), "Hello, curl!\n");
    assert_eq!(curl(&["--data-binary", "@-", &url("/echo")], big.as_bytes()), big);
    let chunked = ["-H", "Transfer-Encoding: chunked", "--data-binary", "@-", &url("/echo")];
    assert_eq!(curl(&chunked, big.as_bytes()), big);
    assert!(curl(&["--head", &url("/")], b"").starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(curl(&["--location", &url("/old")], b"").starts_with("<h1>"));
    assert_eq!(curl(&[&url("/a"), &url("/b")], b""), "there is no /a\nthere is no /b\n");
}

/// A request by curl: its status, and what it prints.
fn curl(arguments: &[&str], input: &[u8]) -> (i32, String) {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "60"]).args(arguments);
    let seen = process::run(&mut command, input).expect("it ends");
    (seen.status, seen.stdout)
}

#[test]
fn bodies_go_piece_by_piece() {
    const FILE_BYTES: u64 = 300_000_000;
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("large");
    fs::File::create(&path).and_then(|file| file.set_len(FILE_BYTES)).expect("made");
    let path = path.to_str().expect("UTF-8");
    for way in WAYS {
        let source = "network/http_pieces.or";
        let server = Server::start_with(source, way, &["--", "127.0.0.1:0", path]);
        let url = |path: &str| format!("http://{}{path}", server.addr);
        let numbers: String = (0..100_000).map(|n| format!("{n}\n")).collect();
        assert!(curl(&[&url("/numbers")], b"") == (0, numbers.clone()), "{way}");
        // The older version has no chunks: the body ends with the connection.
        assert!(curl(&["--http1.0", &url("/numbers")], b"") == (0, numbers), "{way}");
        let (_, head) = curl(&["--head", &url("/numbers")], b"");
        assert!(head.contains("Transfer-Encoding: chunked\r\n"), "{way}: {head}");
        let (_, head) = curl(&["--head", &url("/file")], b"");
        assert!(head.contains("Content-Length: 300000000\r\n"), "{way}: {head}");
        let size = ["--output", "/dev/null", "--write-out", "%{size_download}", &url("/file")];
        assert_eq!(curl(&size, b""), (0, FILE_BYTES.to_string()), "{way}");
        let counted = format!("{FILE_BYTES} bytes, several pieces: true\n");
        let upload = ["--upload-file", path, "--request", "POST", &url("/count")];
        assert_eq!(curl(&upload, b""), (0, counted.clone()), "{way}");
        let chunked = ["--header", "Transfer-Encoding: chunked"];
        assert_eq!(curl(&[&upload[..], &chunked[..]].concat(), b""), (0, counted), "{way}");
        let kept = fs::read_to_string(format!("/proc/{}/status", server.child.id()));
        let kept = kept.expect("it runs");
        let most = kept.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a size");
        let most: u64 = most.trim().trim_end_matches(" kB").parse().expect("a number");
        assert!(most < 60_000, "{way}: {most} kB for bodies that are not held whole");
        // What is not as it was announced ends the connection, and nothing else.
        for (path, status) in [("/short", 18), ("/panic", 18)] {
            assert_eq!(curl(&[&url(path)], b"").0, status, "{way} {path}");
        }
        let (_, answer) = curl(&["--include", "--data", "hello, all", &url("/first")], b"");
        assert!(answer.contains("Connection: close\r\n"), "{way}: {answer}");
        assert!(answer.ends_with("\r\n\r\nhello"), "{way}: {answer}");
        let (_, answer) = curl(&["--include", &url("/none")], b"");
        assert!(answer.starts_with("HTTP/1.1 404 "), "{way}: {answer}");
        // Chunks and their ends, cut anywhere.
        let mut stream = server.connect();
        let request: &[u8] =
            b"POST /count HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
              1\r\na\r\n10;x\r\n0123456789abcdef\r\n0\r\nT: u\r\n\r\n\
              GET /count HTTP/1.0\r\n\r\n";
        for byte in request {
            stream.write_all(&[*byte]).expect("sent");
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("UTF-8");
        assert!(answer.contains("17 bytes, several pieces: true"), "{way}: {answer}");
        assert!(answer.ends_with("0 bytes, several pieces: false\n"), "{way}: {answer}");
    }
}

/// The numbers in the line of `ORION_STATS=1`.
fn stats(seen: &Output) -> (String, Vec<u64>) {
    let line = seen.stderr.lines().last().expect("a line");
    let (name, counts) = line.split_once(": ").expect("a name");
    let numbers = counts.split([' ', ';']).filter_map(|word| word.parse().ok()).collect();
    (name.to_owned(), numbers)
}

#[test]
fn a_round_is_one_submission() {
    // Fifty clients and their servers go in step: what they ask for goes to the kernel together. Several workers make a few rounds more.
    for (threads, calls_per_round) in [("1", 10), ("4", 4)] {
        for way in WAYS {
            let mut command = Command::new(executable("run/net_echo.or"));
            command.env_remove("ORION_FORCE").env("ORION_STATS", "1").env("ORION_IO", way);
            // No worker stays alone.
            command.args(["--threads", threads]).env("ORION_TEAM", "always");
            let seen = process::run(&mut command, b"").expect("it ends");
            let (name, numbers) = stats(&seen);
            let [rounds, submissions, calls, under_way] = numbers[..] else {
                panic!("{}", seen.describe());
            };
            assert_eq!((name.as_str(), under_way), (way, 0));
            assert!(submissions <= rounds, "{threads}: {}", seen.describe());
            assert!(calls >= calls_per_round * rounds, "{threads}: {}", seen.describe());
        }
    }
}

#[test]
fn every_case_of_the_network_passes_by_epoll() {
    for case in ["io_files", "net_cancel", "net_echo", "net_errors", "net_large"] {
        let program = executable(&format!("run/{case}.or"));
        let expected = fs::read_to_string(orion_tests::root().join(format!("run/{case}.out")));
        for force in [None, Some("suspend"), Some("restore")] {
            let mut command = Command::new(&program);
            command.env_remove("ORION_FORCE").env("ORION_IO", "epoll").env("ORION_CHECK", "leaks");
            command.envs(force.map(|force| ("ORION_FORCE", force)));
            let seen = process::run(&mut command, b"").expect("it ends");
            assert_eq!(seen.status, 0, "{case} {force:?}: {}", seen.describe());
            assert_eq!(
                seen.stdout,
                *expected.as_ref().expect("an expectation"),
                "{case} {force:?}"
            );
        }
    }
}

#[test]
fn a_pipe_that_nobody_reads_is_an_error_and_standard_output_ends_the_program() {
    let folder = TempDir::new().expect("a temporary folder");
    for way in WAYS {
        let pipe = folder.path().join(way);
        let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
        assert!(made.success());
        let reader = {
            let pipe = pipe.clone();
            std::thread::spawn(move || {
                let mut line = String::new();
                BufReader::new(fs::File::open(pipe).expect("opened")).read_line(&mut line)
            })
        };
        let mut command = Command::new(executable("network/broken_pipe.or"));
        command.arg(&pipe).env_remove("ORION_FORCE").env("ORION_IO", way);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("UTF-8");
        assert_eq!(line, "Broken pipe\n", "{way}");
        reader.join().expect("it ends").expect("a line");
        drop(stdout);
        let status = process::wait(&mut child, process::LIMIT).expect("it ends");
        // 128 and the signal's number, as any program in a pipeline.
        assert_eq!(process::status_code(status), 141, "{way}");
    }
}

#[test]
fn pipes_that_nobody_serves_hold_up_nothing_and_can_be_cancelled() {
    let folder = TempDir::new().expect("a temporary folder");
    let pipes = ["full", "empty", "alone"].map(|name| folder.path().join(name));
    assert!(Command::new("mkfifo").args(&pipes).status().expect("mkfifo runs").success());
    // Open for both ways, so that neither end waits for the other.
    let ends: Vec<fs::File> = pipes[..2]
        .iter()
        .map(|pipe| fs::File::options().read(true).write(true).open(pipe).expect("opened"))
        .collect();
    for way in WAYS {
        for threads in ["1", "4"] {
            let mut command = Command::new(executable("network/pipes.or"));
            command.args(["--threads", threads, "--"]).args(&pipes).env_remove("ORION_FORCE");
            let seen = process::run(command.env("ORION_IO", way), b"").expect("it ends");
            let expected = "others go on\nOk(())\nOk(())\n";
            let seen_is = (seen.status, seen.stdout.as_str());
            assert_eq!(seen_is, (0, expected), "{way} {threads}: {}", seen.describe());
        }
    }
    drop(ends);
}

/// A program of `durability/` in a folder of its own.
struct Durable {
    program: PathBuf,
    folder: TempDir,
}

impl Durable {
    fn new(name: &str) -> Self {
        let program = executable(&format!("durability/{name}.or"));
        Self { program, folder: TempDir::new().expect("a temporary folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(self.folder.path()).env_remove("ORION_FORCE");
        command.arg("--state").arg(self.path("state")).args(arguments);
        command
    }

    /// Runs it with a file as its standard input.
    fn run_on(&self, stdin: &str, folder: &Path) -> Output {
        let input = fs::File::open(self.path(stdin)).expect("opened");
        let mut command = self.command(&[]);
        let output = command.current_dir(folder).stdin(input).output().expect("it runs");
        Output {
            status: process::status_code(output.status),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn fresh() -> Self {
        let case = Self::new("open_files");
        case.write("in.txt", "one\ntwo\n");
        case.write("stdin.txt", "first\nsecond\n");
        case.write("log.txt", "old\n");
        let seen = case.run_on("stdin.txt", case.folder.path());
        let expected = "Ok(Some(\"one\"))\nSome(\"first\")\n";
        assert_eq!((seen.status, seen.stdout.as_str()), (75, expected), "{}", seen.describe());
        case
    }
}

#[test]
fn files_are_reopened_at_their_positions() {
    let case = Durable::fresh();
    let compiler = env!("CARGO_BIN_EXE_orionc-under-test");
    let mut show = Command::new(compiler);
    let shown = process::run(show.args(["state", "show"]).arg(case.path("state")), b"");
    let shown = shown.expect("it ends").stdout;
    assert!(shown.contains("log.txt, at 11 of 11 bytes\n"), "{shown}");
    assert!(shown.contains("standard input, at 6 of 13 bytes\n"), "{shown}");
    // What a crashed run has written after its checkpoint is not there any more.
    fs::OpenOptions::new()
        .append(true)
        .open(case.path("log.txt"))
        .and_then(|mut file| file.write_all(b"after\nmuch more than is written again\n"))
        .expect("written");
    // From another folder: paths are kept whole.
    let elsewhere = TempDir::new().expect("a temporary folder");
    let seen = case.run_on("stdin.txt", elsewhere.path());
    let expected = "Ok(Some(\"two\"))\nSome(\"second\")\ntrue\ntrue\ntrue\ntrue\ntrue\n";
    assert_eq!((seen.status, seen.stdout.as_str()), (0, expected), "{}", seen.describe());
    assert_eq!(case.read("out.txt"), "before\nafter\n");
    assert_eq!(case.read("log.txt"), "old\nbefore\nafter\n");
}

#[test]
fn files_that_cannot_be_reopened_give_errors() {
    let case = Durable::fresh();
    fs::remove_file(case.path("in.txt")).expect("removed");
    case.write("out.txt", "");
    let seen = case.run_on("stdin.txt", case.folder.path());
    let expected = "Err(\"in.txt: it cannot be reopened: No such file or directory\")\n\
                    Some(\"second\")\nfalse\nfalse\ntrue\ntrue\ntrue\n";
    assert_eq!((seen.status, seen.stdout.as_str()), (0, expected), "{}", seen.describe());
}

#[test]
fn each_line_is_written_once_whatever_happens() {
    let case = Durable::new("line_writer");
    let lines: String = (0..10_000).map(|n| format!("line {n}\n")).collect();
    case.write("source.txt", &lines);
    let mut kills = 0;
    for number in 0..200u64 {
        let threads = if number % 2 == 0 { "1" } else { "4" };
        let mut command = case.command(&["--every", "3ms", "--threads", threads]);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .spawn()
            .expect("it starts");
        let patience = Duration::from_millis(4 + number * 7 % 23);
        let Some(status) = process::wait(&mut child, patience) else {
            // `wait` has killed it.
            kills += 1;
            continue;
        };
        assert_eq!(process::status_code(status), 0);
        break;
    }
    let seen = process::run(&mut case.command(&[]), b"").expect("it ends");
    assert_eq!(seen.status, 0, "{}", seen.describe());
    assert!(kills > 3, "it was killed {kills} times only");
    for name in ["one.txt", "two.txt", "copy.txt"] {
        assert!(case.read(name) == lines, "{name} after {kills} kills");
    }
}

/// A client's question to each server of `examples/`, and what its answer begins with.
const SERVERS: [(&str, &[u8], &str); 3] = [
    ("../examples/echo_server.or", b"hello\n", "hello"),
    ("../examples/chat_server.or", b"me\n", "* welcome, me: 1 here"),
    ("../examples/http_server.or", b"GET /greet HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK"),
];

#[test]
fn servers_go_on_when_there_are_no_descriptors_left() {
    for (source, question, answer) in SERVERS {
        for way in WAYS {
            let program = executable(source);
            let mut command = Command::new("sh");
            // The runtime raises the soft limit, not the hard one.
            command.args(["-c", "ulimit -n 40 && exec \"$0\" 127.0.0.1:0"]).arg(program);
            let server = Server::of(command.env("ORION_IO", way));
            let clients: Vec<TcpStream> = (0..60).map(|_| server.connect()).collect();
            let used = server.processor_time();
            std::thread::sleep(Duration::from_millis(300));
            let used = server.processor_time() - used;
            assert!(used < Duration::from_millis(150), "{source} {way}: {used:?} of waiting");
            drop(clients);
            let mut client = BufReader::new(server.connect());
            client.get_mut().write_all(question).expect("sent");
            assert_eq!(line(&mut client), answer, "{source} {way}");
        }
    }
}

#[test]
fn servers_that_are_resumed_listen_again() {
    for (source, question, answer) in SERVERS {
        for threads in ["1", "4"] {
            let folder = TempDir::new().expect("a temporary folder");
            for run in 0..2 {
                let mut command = Command::new(executable(source));
                command.arg("--state").arg(folder.path().join("state"));
                let mut server = Server::of(command.args(["--threads", threads, "127.0.0.1:0"]));
                let mut client = BufReader::new(server.connect());
                client.get_mut().write_all(question).expect("sent");
                assert_eq!(line(&mut client), answer, "{source} {threads}, run {run}");
                // The shell's own: a bare machine has no other.
                let line = format!("kill {}", server.child.id());
                assert!(Command::new("sh").args(["-c", &line]).status().expect("sh").success());
                let status = process::wait(&mut server.child, process::LIMIT).expect("it ends");
                assert_eq!(process::status_code(status), 75, "{source} {threads}, run {run}");
            }
        }
    }
}

#[test]
fn connections_do_not_outlive_their_process() {
    let case = Durable::new("sockets");
    let seen = process::run(&mut case.command(&[]), b"").expect("it ends");
    assert_eq!((seen.status, seen.stdout.as_str()), (75, ""), "{}", seen.describe());
    let seen = process::run(&mut case.command(&[]), b"").expect("it ends");
    let expected = "true\ntrue\ntrue\ntrue\nOk(())\ntrue\nOk(Some(\"hello\"))\n";
    assert_eq!((seen.status, seen.stdout.as_str()), (0, expected), "{}", seen.describe());
}
