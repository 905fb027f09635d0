//! The section `lcores`, and who may name a core.

use super::{accepted, refused};
use crate::config::model::Idle;

const BRIDGE: &str = "\nbridge:";

fn with(section: &str) -> String {
    format!("\nlcores: {section}\nbridge:")
}

#[test]
fn without_the_section_one_lcore_sleeps_when_nothing_comes() {
    let lcores = accepted(&[]).lcores;
    assert_eq!((lcores.count(), lcores.cores.len()), (1, 0));
    assert_eq!(lcores.idle, [Idle::Sleep]);
    assert!(lcores.lock_memory && !lcores.hugepages);
    assert_eq!(lcores.memory, None);
}

#[test]
fn one_word_for_idle_is_said_for_every_core() {
    let lcores = accepted(&[(BRIDGE, &with("{cores: [2, 3], idle: pause}"))]).lcores;
    assert_eq!(lcores.idle, [Idle::Pause, Idle::Pause]);
    assert_eq!(lcores.position(3), Some(1));
}

#[test]
fn idle_may_differ_from_core_to_core() {
    let lcores = accepted(&[(BRIDGE, &with("{cores: [2, 3], idle: [spin, sleep]}"))]).lcores;
    assert_eq!(lcores.idle, [Idle::Spin, Idle::Sleep]);
    let few = with("{cores: [2, 3], idle: [spin]}");
    refused(&[(BRIDGE, &few)], "lcores.idle", "for each core");
    let other = with("{idle: doze}");
    refused(&[(BRIDGE, &other)], "lcores.idle", "not a known word");
}

#[test]
fn a_core_polls_once() {
    let twice = with("{cores: [2, 2]}");
    refused(&[(BRIDGE, &twice)], "lcores.cores[1]", "named twice");
    refused(&[(BRIDGE, &with("{cores: []}"))], "lcores.cores", "1 to 64");
}

#[test]
fn a_cell_and_a_port_name_a_core_that_polls() {
    let lcores = with("{cores: [2, 3]}");
    let cell = ("    ru: ru-1\n", "    ru: ru-1\n    lcore: 3\n");
    let config = accepted(&[cell, (BRIDGE, &lcores)]);
    assert_eq!(config.cells[0].lcore, Some(3));
    let stray = ("    ru: ru-1\n", "    ru: ru-1\n    lcore: 4\n");
    refused(&[stray, (BRIDGE, &lcores)], "cells.cell-1.lcore", "2, 3");
    refused(&[stray], "cells.cell-1.lcore", "lcores.cores");
    let port = ("ru-side: {mtu", "ru-side: {lcore: 4, mtu");
    refused(&[port, (BRIDGE, &lcores)], "ports.ru-side.lcore", "2, 3");
}
