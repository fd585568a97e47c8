//! What must work in spite of it all: a fence that breaks tools is switched off.

use std::fs;

use crate::escapes::case::{Case, Grants, Unable, works};
use crate::escapes::run::judge;
use crate::escapes::world::{Ran, World};

/// How a plan without namespaces says that POSIX semaphores and terminals are missing.
const NO_SEMAPHORES: &str = "semaphores";
const NO_TERMINALS: &str = "pseudo-terminals";
/// How a plan says that a repository can't be written.
const NO_COMMITS: &str = "commit";

#[test]
fn tools_work() {
    judge("tools", CASES);
}

fn ok(_: &mut World, ran: &Ran) -> bool {
    ran.code == 0 && ran.said("fine")
}

fn python(_: &mut World) -> Result<(), Unable> {
    needs("python3", &["-c", "pass"])
}

fn node(_: &mut World) -> Result<(), Unable> {
    needs("node", &["--version"])
}

fn make(_: &mut World) -> Result<(), Unable> {
    needs("make", &["--version"])
}

fn needs(program: &str, words: &[&str]) -> Result<(), Unable> {
    let output = std::process::Command::new(program).args(words).output();
    match output.is_ok_and(|output| output.status.success()) {
        true => Ok(()),
        false => Err(format!("there is no {program} here")),
    }
}

fn repository(world: &mut World) -> Result<(), Unable> {
    let work = world.path("work");
    for words in [
        &["git", "-c", "init.defaultBranch=main", "init", "-q", "."][..],
        &["git", "config", "user.name", "user"],
        &["git", "config", "user.email", "user@example.org"],
        &["git", "add", "hello"],
        &["git", "commit", "-qm", "first"],
    ] {
        world.outside(&work, words)?;
    }
    Ok(())
}

/// Lets the world use the toolchain of the user who runs the tests.
fn rust(world: &mut World) -> Result<(), Unable> {
    needs("cargo", &["--version"])?;
    let home = std::env::var("HOME").unwrap_or_default();
    for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        world.set(name, std::env::var(name).unwrap_or_else(|_| format!("{home}/{folder}")));
    }
    fs::create_dir(world.path("work/src")).map_err(|error| error.to_string())?;
    world.write("work/Cargo.toml", "[package]\nname = \"tiny\"\nedition = \"2021\"\n[workspace]\n");
    world.write("work/src/main.rs", "fn main() { println!(\"fine\"); }\n");
    Ok(())
}

const ODD: &[&str] =
    &["", "a b", "q'\"$HOME`x`", "new\nline", "--", "-c", "\u{e9}\u{4e2d}", "*", "\\", "\t"];

const CASES: &[Case] = &[
    works("echo", "echo fine", ok),
    works("files_and_folders", "echo data > f && mkdir -p a/b && mv f a/b/g && rm -r a/b/g && echo z > kept && echo fine", |world, ran| {
        ok(world, ran) && world.read("work/kept") == "z\n"
    }),
    works("renames_across_folders", "mkdir d1 d2 && echo q > d1/x && mv d1/x d2/y && ln d2/y d1/h", |world, _| {
        world.read("work/d2/y") == "q\n" && world.read("work/d1/h") == "q\n"
    }),
    works("move_from_temporary", "echo q > \"$TMPDIR/x\" && mv \"$TMPDIR/x\" ./moved", |world, _| {
        world.read("work/moved") == "q\n"
    }),
    works("temporary_files", "f=$(mktemp) && echo t > $f && cat $f && d=$(mktemp -d) && touch $d/x && echo fine", ok),
    works("shared_temporary_files", "echo t > /tmp/escape-$MARK && cat /tmp/escape-$MARK && rm /tmp/escape-$MARK && echo fine", ok),
    works("devices", "head -c 100 /dev/urandom > /dev/null && test $(head -c 10 /dev/zero | wc -c) = 10 && echo fine", ok),
    works("process_substitution", "bash -c 'cat <(echo fine)'", ok),
    works("here_document", "cat <<E > hd\nfine\nE\ncat hd", ok),
    works("pipes", "seq 1000 | sort -rn | head -1 | tr -d 0 | grep -q 1 && echo fine", ok),
    works("named_pipes", "mkfifo p && (echo fine > p &) && cat p", ok),
    works("background_jobs", "sleep 0.1 & wait $! && echo fine", ok),
    works("signals_inside", "sh -c 'trap \"echo fine; exit 0\" USR1; kill -USR1 $$; sleep 5'", ok),
    works("signals_to_children", "sleep 50 & kill $!; wait $!; test $? -gt 128 && echo fine", ok),
    works("proc_of_its_own", "grep -q State /proc/self/status && nproc > /dev/null && head -1 /proc/cpuinfo > /dev/null && test -r /proc/self/maps && echo fine", ok),
    works("proc_of_children", "sleep 50 & n=0; until grep -q sleep /proc/$!/cmdline || test $n = 500; do n=$((n + 1)); done; kill $!; test $n != 500 && echo fine", ok),
    works("process_list", "sleep 50 & n=0; until ps -ef | grep -v grep | grep -q 'sleep 50' || test $n = 50; do n=$((n + 1)); done; kill $!; test $n != 50 && echo fine", ok),
    works("descriptors_by_name", "echo fine > /dev/stdout; echo x > /dev/stderr; cat /dev/null", ok),
    works("standard_input_is_empty", "cat; echo fine", ok),
    works("archives", "mkdir d && echo fine > d/f && tar czf a.tgz d && rm -r d && tar xzf a.tgz && cat d/f", ok),
    works("copies_with_everything", "mkdir d && echo fine > d/f && ln -s f d/l && chmod 640 d/f && touch -d 2001-01-01 d/f && cp -a d e && tar cf - --xattrs e | (mkdir t && cd t && tar xpf -) && install -m 755 d/f t/g && mv t/e \"$TMPDIR/e\" && cp -a --reflink=auto \"$TMPDIR/e\" . && cat e/l t/g", |world, ran| {
        ok(world, ran) && ran.stdout.matches("fine").count() == 2
    }),
    works("copies_by_rsync", "mkdir d && echo fine > d/f && rsync -a d/ e/ && cat e/f", ok)
        .after(|_| needs("rsync", &["--version"])),
    works("links_of_its_own", "ln -s hello l && cat l | grep -q hello && readlink l && echo fine", ok),
    works("sparse_and_large_files", "truncate -s 64M big && test $(stat -c %s big) = 67108864 && rm big && echo fine", ok),
    works("locks", "flock lock -c 'echo fine'", ok),
    works("time_and_locale", "date > /dev/null && TZ=Europe/Berlin date > /dev/null && echo fine", ok),
    works("user_names", "id -u > /dev/null && test -n \"$(id -un)\" && whoami > /dev/null && echo fine", ok),
    works("host_name", "uname -a > /dev/null && test -n \"$(hostname || cat /proc/sys/kernel/hostname)\" && echo fine", ok),
    works("exit_code", "exit 37", |_, ran| ran.code == 37),
    works("code_of_a_signal", "kill -TERM $$", |_, ran| ran.code == 143),
    works("streams_apart", "echo fine; echo bad >&2", |_, ran| {
        ran.said("fine") && !ran.said("bad") && ran.stderr.contains("bad")
    }),
    works("much_output", "head -c 16777216 /dev/zero | tr '\\0' x; echo; echo fine", |world, ran| {
        ok(world, ran) && ran.stdout.len() > 16 << 20
    }),
    works("odd_arguments", "", |_, ran| {
        ODD.iter().all(|word| ran.said(&format!("<{word}>\n")))
    })
    .acting(|world, _| {
        let line = "echo \"script $MARK\"; for it; do printf '<%s>\\n' \"$it\"; done";
        world.start_words(&[&["/bin/sh", "-c", line, "sh"][..], ODD].concat(), false).end()
    }),
    works("folder_by_a_link", "pwd -P; echo s > made", |world, _| world.read("work/made") == "s\n")
        .after(|world| {
            std::os::unix::fs::symlink(world.path("work"), world.path("linked"))
                .map_err(|error| error.to_string())?;
            world.folder = world.path("linked");
            Ok(())
        }),
    works("folder_and_home", "pwd; echo \"$HOME\"; echo \"$PATH\" | grep -q bin && echo fine", |world, ran| {
        ok(world, ran) && ran.said(&world.text("work")) && ran.said(&world.text("home"))
    }),
    works("git_reads", "git status --porcelain && git diff && git log --oneline | head -3 && git show --stat && echo fine", ok)
        .after(repository),
    works("git_reads_read_only", "git --no-optional-locks status --porcelain && git log --oneline && grep -rq hello . && echo x > /dev/null && echo fine", ok)
        .after(repository)
        .with(Grants::ReadOnly),
    works("git_clones", "git clone -q --no-hardlinks . \"$TMPDIR/clone\" && cat \"$TMPDIR/clone/hello\" && echo fine", ok)
        .after(repository),
    works("git_blames_and_searches", "git blame hello && git grep hello && git ls-files && git rev-parse HEAD && git stash list && echo fine", ok)
        .after(repository),
    works("git_commits", "echo more >> hello && git commit -qam second && git log --oneline | grep -q second && echo fine", ok)
        .after(repository)
        // By choice: what may write there may plant a program.
        .without_namespaces(NO_COMMITS),
    works("pairs_of_sockets", "python3 -c 'import socket; a,b=socket.socketpair(); a.sendall(b\"fi\"); a.send(b\"ne\"); a.setsockopt(1,7,4096); a.shutdown(1); print(b.recv(9).decode())'", ok)
        .after(python),
    works("event_loops", "python3 -c 'import asyncio\nasync def main():\n p=await asyncio.create_subprocess_exec(\"echo\",\"fine\",stdout=-1)\n print((await p.communicate())[0].decode())\nasyncio.run(main())'", ok)
        .after(python),
    works("many_event_loops", "python3 -c 'import asyncio\nasync def one():\n p=await asyncio.create_subprocess_exec(\"true\"); return await p.wait()\nasync def main():\n print(sum(await asyncio.gather(*[one() for _ in range(12)])), \"fine\")\nasyncio.run(main())'", ok)
        .after(python),
    works("python_threads", "python3 -c 'import threading as t\nr=[]\na=[t.Thread(target=r.append,args=(i,)) for i in range(50)]\n[x.start() for x in a];[x.join() for x in a]\nprint(\"fine\" if len(r)==50 else r)'", ok)
        .after(python),
    works("python_subprocesses", "python3 -c 'import subprocess as s; print(s.run([\"echo\",\"fine\"],capture_output=True,text=True).stdout, s.check_output(\"exit 0\",shell=True))'", ok)
        .after(python),
    works("python_processes", "python3 -c 'import multiprocessing as m\nwith m.get_context(\"fork\").Pool(2) as p: print(\"fine\" if sum(p.map(abs,range(10)))==45 else 0)'", ok)
        .after(python)
        .with_namespaces(NO_SEMAPHORES),
    works("python_maps_and_watches", "python3 -c 'import mmap,fcntl,ctypes\nf=open(\"lk\",\"w+b\"); fcntl.flock(f,2); f.truncate(4096); m=mmap.mmap(f.fileno(),4096); m[0:2]=b\"ok\"; m.flush()\nprint(\"fine\" if open(\"lk\",\"rb\").read(2)==b\"ok\" and ctypes.CDLL(None).inotify_init()>=0 else 0)'", ok)
        .after(python),
    works("python_memory_files", "python3 -c 'import os,select\nf=os.memfd_create(\"x\"); os.write(f,b\"fine\"); e=select.epoll(); p=os.pipe(); e.register(p[0]); print(os.pread(f,4,0).decode())'", ok)
        .after(python),
    works("python_terminal", "python3 -c 'import pty,os\npid,fd=pty.fork()\nif pid==0: os.execvp(\"echo\",[\"echo\",\"fine\"])\nprint(os.read(fd,99).decode())'", ok)
        .after(python)
        .with_namespaces(NO_TERMINALS),
    works("terminal", "script -qec 'test -t 1 && echo fine' /dev/null < /dev/null", ok)
        .with_namespaces(NO_TERMINALS),
    works("python_environments", "python3 -m venv --without-pip env && env/bin/python -c 'print(\"fine\")'", ok)
        .after(python),
    works("node_runs", "node -e 'require(\"fs\").writeFileSync(\"made\",\"x\"); console.log(\"fine\")'", ok)
        .after(node),
    works("node_spawns", "node -e 'require(\"child_process\").exec(\"echo fine\",(e,o)=>console.log(e||o))'", ok)
        .after(node),
    works("node_workers", "node -e 'const {Worker}=require(\"worker_threads\"); new Worker(\"require(\\\"worker_threads\\\").parentPort.postMessage(\\\"fine\\\")\",{eval:true}).on(\"message\",m=>console.log(m))'", ok)
        .after(node),
    works("make_in_parallel", "printf 'all: a b c d\\n%%:\\n\\t@echo $@ > $@\\n' > Makefile && make -s -j4 && cat a b c d | tr -d '\\n' && echo fine", |world, ran| {
        ok(world, ran) && world.has("work/d")
    })
    .after(make),
    works("compiler", "echo 'int main(){return 0;}' > t.c && cc t.c -o t && ./t && echo fine", ok)
        .after(|_| needs("cc", &["--version"])),
    works("cargo_builds", "cargo build -q --offline --target-dir target && ./target/debug/tiny", ok)
        .after(rust),
    works("perl_and_awk", "perl -e 'print \"fi\"' && awk 'BEGIN{print \"ne\"}'", ok)
        .after(|_| needs("perl", &["-v"])),
    works("network_grants_files_too", "echo x > made && cat made && echo fine", ok)
        .with(Grants::Network),
    works("names_are_looked_up", "getent hosts localhost > /dev/null && echo fine", ok)
        .with(Grants::Network),
    works("full_write_tools", "echo x > made && mktemp > /dev/null && echo fine", ok)
        .with(Grants::FullWrite),
];
