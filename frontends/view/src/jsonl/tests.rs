use codex_event::{Digest, Event, Stored};
use insta::assert_snapshot;

use super::*;
use crate::testing::{self, Story};

fn lines(story: &Story) -> String {
    let mut jsonl = Jsonl::default();
    let lines: Vec<_> = story.envelopes().iter().flat_map(|event| jsonl.apply(event)).collect();
    lines.join("\n")
}

/// Gives the lines of a story, but for those that every story begins with.
fn beyond_the_start(story: &Story) -> String {
    let lines = lines(story);
    let start = "{\"type\":\"thread.started\",\"thread_id\":\"01900000-0000-7000-8000-000000000000\"}\n{\"type\":\"turn.started\"}\n";
    lines.strip_prefix(start).expect("every story begins alike").to_owned()
}

#[test]
fn a_message_makes_four_lines() {
    assert_snapshot!(lines(&testing::plain_text()), @r#"
    {"type":"thread.started","thread_id":"01900000-0000-7000-8000-000000000000"}
    {"type":"turn.started"}
    {"type":"item.completed","item":{"id":"item_0","type":"agent_message","text":"the quick brown fox\n"}}
    {"type":"turn.completed","usage":{"input_tokens":5321,"cached_input_tokens":4096,"cache_write_input_tokens":0,"output_tokens":42,"reasoning_output_tokens":7},"turn_usage":{"input_tokens":5321,"cached_input_tokens":4096,"cache_write_input_tokens":0,"output_tokens":42,"reasoning_output_tokens":7}}
    "#);
}

#[test]
fn commands_begin_and_end() {
    assert_snapshot!(beyond_the_start(&testing::shell()), @r#"
    {"type":"item.started","item":{"id":"item_0","type":"command_execution","command":"/bin/bash -lc 'echo hello; echo warn >&2'","aggregated_output":"","exit_code":null,"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_0","type":"command_execution","command":"/bin/bash -lc 'echo hello; echo warn >&2'","aggregated_output":"hello\nwarn\n","exit_code":0,"status":"completed"}}
    {"type":"item.started","item":{"id":"item_1","type":"command_execution","command":"/bin/bash -lc 'exit 3'","aggregated_output":"","exit_code":null,"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_1","type":"command_execution","command":"/bin/bash -lc 'exit 3'","aggregated_output":"","exit_code":3,"status":"failed"}}
    {"type":"item.started","item":{"id":"item_2","type":"command_execution","command":"/bin/bash -lc no_such_command_here","aggregated_output":"","exit_code":null,"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_2","type":"command_execution","command":"/bin/bash -lc no_such_command_here","aggregated_output":"/bin/bash: line 1: no_such_command_here: command not found\n","exit_code":127,"status":"failed"}}
    {"type":"item.completed","item":{"id":"item_3","type":"agent_message","text":"All three commands ran."}}
    {"type":"turn.completed","usage":{"input_tokens":4000,"cached_input_tokens":0,"cache_write_input_tokens":0,"output_tokens":400,"reasoning_output_tokens":0},"turn_usage":{"input_tokens":4000,"cached_input_tokens":0,"cache_write_input_tokens":0,"output_tokens":400,"reasoning_output_tokens":0}}
    "#);
}

#[test]
fn patches_name_their_files() {
    assert_snapshot!(beyond_the_start(&testing::patches()), @r#"
    {"type":"item.started","item":{"id":"item_0","type":"file_change","changes":[{"path":"/ws/dir/hello.txt","kind":"add"}],"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_0","type":"file_change","changes":[{"path":"/ws/dir/hello.txt","kind":"add"}],"status":"completed"}}
    {"type":"item.started","item":{"id":"item_1","type":"file_change","changes":[{"path":"/ws/dir/hello.txt","kind":"update"},{"path":"/ws/dir/src/lib.rs","kind":"delete"}],"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_1","type":"file_change","changes":[{"path":"/ws/dir/hello.txt","kind":"update"},{"path":"/ws/dir/src/lib.rs","kind":"delete"}],"status":"completed"}}
    {"type":"item.started","item":{"id":"item_2","type":"file_change","changes":[{"path":"/ws/dir/full.txt","kind":"add"}],"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_2","type":"file_change","changes":[{"path":"/ws/dir/full.txt","kind":"add"}],"status":"failed"}}
    {"type":"item.completed","item":{"id":"item_3","type":"agent_message","text":"Patched."}}
    {"type":"turn.completed","usage":{"input_tokens":5000,"cached_input_tokens":0,"cache_write_input_tokens":0,"output_tokens":500,"reasoning_output_tokens":0},"turn_usage":{"input_tokens":5000,"cached_input_tokens":0,"cache_write_input_tokens":0,"output_tokens":500,"reasoning_output_tokens":0}}
    "#);
}

#[test]
fn refused_calls_end_without_a_beginning() {
    assert_snapshot!(beyond_the_start(&testing::declined()), @r#"
    {"type":"item.completed","item":{"id":"item_0","type":"command_execution","command":"rm -rf 'build dir'","aggregated_output":"","exit_code":null,"status":"declined"}}
    {"type":"item.completed","item":{"id":"item_1","type":"file_change","changes":[],"status":"failed"}}
    {"type":"item.started","item":{"id":"item_2","type":"command_execution","command":"/no/such/program","aggregated_output":"","exit_code":null,"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_2","type":"command_execution","command":"/no/such/program","aggregated_output":"No such file or directory (os error 2)","exit_code":null,"status":"failed"}}
    {"type":"item.completed","item":{"id":"item_3","type":"agent_message","text":"ok"}}
    {"type":"turn.completed","usage":{"input_tokens":2000,"cached_input_tokens":0,"cache_write_input_tokens":0,"output_tokens":200,"reasoning_output_tokens":0},"turn_usage":{"input_tokens":2000,"cached_input_tokens":0,"cache_write_input_tokens":0,"output_tokens":200,"reasoning_output_tokens":0}}
    "#);
}

#[test]
fn items_are_numbered_across_kinds_and_empty_reasoning_is_none() {
    assert_snapshot!(beyond_the_start(&testing::tool_loop()), @r#"
    {"type":"item.completed","item":{"id":"item_0","type":"reasoning","text":"**Looking** around\nthen acting"}}
    {"type":"item.completed","item":{"id":"item_1","type":"agent_message","text":"I will look around first."}}
    {"type":"item.started","item":{"id":"item_2","type":"command_execution","command":"/bin/bash -lc pwd","aggregated_output":"","exit_code":null,"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_2","type":"command_execution","command":"/bin/bash -lc pwd","aggregated_output":"/ws/dir\n","exit_code":0,"status":"completed"}}
    {"type":"item.started","item":{"id":"item_3","type":"command_execution","command":"/bin/bash -lc \"seq 1 30; printf '\\\\303\\\\251'\"","aggregated_output":"","exit_code":null,"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_3","type":"command_execution","command":"/bin/bash -lc \"seq 1 30; printf '\\\\303\\\\251'\"","aggregated_output":"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n19\n20\n21\n22\n23\n24\n25\n26\n27\n28\n29\n30\né �\n[... 70000 bytes left out ...]\nthe end\n","exit_code":0,"status":"completed"}}
    {"type":"item.completed","item":{"id":"item_4","type":"agent_message","text":"Finished the loop."}}
    {"type":"turn.completed","usage":{"input_tokens":3000,"cached_input_tokens":0,"cache_write_input_tokens":0,"output_tokens":300,"reasoning_output_tokens":0},"turn_usage":{"input_tokens":3000,"cached_input_tokens":0,"cache_write_input_tokens":0,"output_tokens":300,"reasoning_output_tokens":0}}
    "#);
}

#[test]
fn a_failed_attempt_leaves_one_notice_and_no_item() {
    assert_snapshot!(beyond_the_start(&testing::drop_then_ok()), @r#"
    {"type":"error","message":"Reconnecting... 1/1 (stream disconnected before completion: connection reset)"}
    {"type":"item.completed","item":{"id":"item_0","type":"agent_message","text":"second try worked"}}
    {"type":"turn.completed","usage":{"input_tokens":1000,"cached_input_tokens":0,"cache_write_input_tokens":0,"output_tokens":100,"reasoning_output_tokens":0},"turn_usage":{"input_tokens":1000,"cached_input_tokens":0,"cache_write_input_tokens":0,"output_tokens":100,"reasoning_output_tokens":0}}
    "#);
}

#[test]
fn a_failed_turn_tells_its_error_twice() {
    assert_snapshot!(beyond_the_start(&testing::drop_forever()), @r#"
    {"type":"error","message":"Reconnecting... 1/1 (stream disconnected before completion: connection reset)"}
    {"type":"error","message":"stream disconnected before completion: connection reset"}
    {"type":"turn.failed","error":{"message":"stream disconnected before completion: connection reset"}}
    "#);
}

#[test]
fn an_interrupt_ends_the_command_and_the_turn() {
    // An item is told once its answer is complete.
    assert_snapshot!(beyond_the_start(&testing::broken_off()), @r#"
    {"type":"error","message":"Reconnecting... 1/1 (stream disconnected before completion: connection reset)"}
    {"type":"turn.failed","error":{"message":"interrupted by the user"}}
    {"type":"turn.started"}
    {"type":"item.completed","item":{"id":"item_0","type":"agent_message","text":"Went on."}}
    {"type":"turn.completed","usage":{"input_tokens":1000,"cached_input_tokens":0,"cache_write_input_tokens":0,"output_tokens":100,"reasoning_output_tokens":0},"turn_usage":{"input_tokens":1000,"cached_input_tokens":0,"cache_write_input_tokens":0,"output_tokens":100,"reasoning_output_tokens":0}}
    "#);
    assert_snapshot!(beyond_the_start(&testing::interrupted()), @r#"
    {"type":"item.completed","item":{"id":"item_0","type":"agent_message","text":"Running the tests."}}
    {"type":"item.started","item":{"id":"item_1","type":"command_execution","command":"sleep 60","aggregated_output":"","exit_code":null,"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_1","type":"command_execution","command":"sleep 60","aggregated_output":"waiting\n","exit_code":null,"status":"failed"}}
    {"type":"turn.failed","error":{"message":"ended by SIGINT"}}
    "#);
}

#[test]
fn a_resume_begins_anew_but_for_usage() {
    let all = lines(&testing::resumed());
    let first = lines(&testing::shell());
    assert_snapshot!(all.strip_prefix(&first).expect("the first process printed the same"), @r#"
    {"type":"thread.started","thread_id":"01900000-0000-7000-8000-000000000000"}
    {"type":"turn.started"}
    {"type":"item.started","item":{"id":"item_0","type":"command_execution","command":"/bin/bash -lc true","aggregated_output":"","exit_code":null,"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_0","type":"command_execution","command":"/bin/bash -lc true","aggregated_output":"","exit_code":0,"status":"completed"}}
    {"type":"item.completed","item":{"id":"item_1","type":"agent_message","text":"Went on."}}
    {"type":"turn.completed","usage":{"input_tokens":6000,"cached_input_tokens":0,"cache_write_input_tokens":0,"output_tokens":600,"reasoning_output_tokens":0},"turn_usage":{"input_tokens":2000,"cached_input_tokens":0,"cache_write_input_tokens":0,"output_tokens":200,"reasoning_output_tokens":0}}
    "#);
}

#[test]
fn a_lost_command_ends_under_a_number_of_the_process_that_tells_it() {
    assert_snapshot!(beyond_the_start(&testing::resumed_after_loss()), @r#"
    {"type":"item.completed","item":{"id":"item_0","type":"agent_message","text":"Building."}}
    {"type":"item.started","item":{"id":"item_1","type":"command_execution","command":"make all","aggregated_output":"","exit_code":null,"status":"in_progress"}}
    {"type":"thread.started","thread_id":"01900000-0000-7000-8000-000000000000"}
    {"type":"item.completed","item":{"id":"item_0","type":"command_execution","command":"make all","aggregated_output":"compiling\n","exit_code":null,"status":"failed"}}
    {"type":"error","message":"a command was running when the last process ended: make all"}
    {"type":"turn.failed","error":{"message":"a command was running when the last process ended: make all"}}
    "#);
}

#[test]
fn whatever_needs_no_line_makes_none() {
    assert_snapshot!(beyond_the_start(&testing::every_kind()), @r#"
    {"type":"item.started","item":{"id":"item_0","type":"command_execution","command":"touch '/etc/\u001b[2Jmotd'","aggregated_output":"","exit_code":null,"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_0","type":"command_execution","command":"touch '/etc/\u001b[2Jmotd'","aggregated_output":"\u001b]0;pwned\u0007Permission denied\r\n","exit_code":1,"status":"failed"}}
    {"type":"item.started","item":{"id":"item_1","type":"command_execution","command":"touch '/etc/\u001b[2Jmotd'","aggregated_output":"","exit_code":null,"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_1","type":"command_execution","command":"touch '/etc/\u001b[2Jmotd'","aggregated_output":"","exit_code":137,"status":"failed"}}
    {"type":"item.started","item":{"id":"item_2","type":"command_execution","command":"sleep 1000","aggregated_output":"","exit_code":null,"status":"in_progress"}}
    {"type":"item.completed","item":{"id":"item_2","type":"command_execution","command":"sleep 1000","aggregated_output":"","exit_code":124,"status":"failed"}}
    {"type":"item.completed","item":{"id":"item_3","type":"agent_message","text":"Bells \u0007 and \u001b[1mwhistles.\nSecond line."}}
    {"type":"turn.completed","usage":{"input_tokens":2000,"cached_input_tokens":0,"cache_write_input_tokens":0,"output_tokens":200,"reasoning_output_tokens":0},"turn_usage":{"input_tokens":2000,"cached_input_tokens":0,"cache_write_input_tokens":0,"output_tokens":200,"reasoning_output_tokens":0}}
    {"type":"thread.started","thread_id":"01900000-0000-7000-8000-000000000000"}
    "#);
}

#[test]
fn a_text_whose_blob_is_gone_says_so() {
    let mut story = testing::plain_text();
    let digest = Digest::of(b"gone");
    let events = story.envelopes().to_vec();
    story = Story::new();
    for envelope in events {
        let author = envelope.author.clone();
        match envelope.body.clone() {
            codex_event::Body::Known(Event::ModelItemCompleted {
                request,
                attempt,
                item,
                kind,
                ..
            }) => {
                let raw = Stored::Blob { digest, len: 9000 };
                story.push(author, Event::ModelItemCompleted { request, attempt, item, kind, raw });
            }
            body => {
                story.push_body(author, body);
            }
        }
    }
    assert!(
        lines(&story).contains(&format!("\"text\":\"[9000 bytes are missing: blob {digest}]\""))
    );
}

#[test]
fn nothing_is_held_once_a_session_is_over() {
    for story in [testing::shell(), testing::every_kind(), testing::resumed_after_loss()] {
        let mut jsonl = Jsonl::default();
        story.envelopes().iter().for_each(|envelope| drop(jsonl.apply(envelope)));
        assert!(jsonl.running.is_empty());
    }
}
