//! One of several values: models, policies, themes, earlier prompts.

use codex_event::{ApprovalPolicy, Seq};
use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Answer, Popup};
use crate::host::Access;
use crate::options::Palette;
use crate::theme::Theme;

/// Something that was said earlier in this session, to go back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptRow {
    /// The last position before it: what a fork from here keeps. None for the whole session.
    pub before: Option<Seq>,
    /// The words.
    pub text: String,
}

/// A choice among values, each with what it means.
#[derive(Debug)]
pub struct Chooser {}

impl Popup {
    /// Offers models and, with the arrows to the sides, how hard they should think.
    pub fn models(_models: &[String], _current: &str, _effort: Option<&str>) -> Popup {
        Popup::Chooser(Box::new(Chooser {}))
    }

    /// Offers when a person is asked.
    pub fn approvals(_current: ApprovalPolicy) -> Popup {
        Popup::Chooser(Box::new(Chooser {}))
    }

    /// Offers what commands may do; none where the settings are none of these three.
    pub fn access(_current: Option<Access>) -> Popup {
        Popup::Chooser(Box::new(Chooser {}))
    }

    /// Offers colours; each is tried when it is selected ([`Answer::Try`]), and Esc goes back.
    pub fn themes(_current: Palette) -> Popup {
        Popup::Chooser(Box::new(Chooser {}))
    }

    /// Offers what was said earlier in this session, the last first, to fork from there.
    pub fn prompts(_rows: Vec<PromptRow>) -> Popup {
        Popup::Chooser(Box::new(Chooser {}))
    }

    /// Offers what was said in earlier sessions, the last first, to put it into the composer.
    pub fn history(_rows: Vec<String>) -> Popup {
        Popup::Chooser(Box::new(Chooser {}))
    }
}

impl Chooser {
    pub(super) fn height(&self, _width: u16) -> u16 {
        10
    }

    pub(super) fn key(&mut self, _key: KeyEvent) -> Answer {
        Answer::Pass
    }

    pub(super) fn paste(&mut self, _text: &str) -> Answer {
        Answer::Stay
    }

    pub(super) fn mouse(&mut self, _mouse: MouseEvent) -> Answer {
        Answer::Pass
    }

    pub(super) fn draw(&mut self, _: Rect, _: &mut Buffer, _: &Theme) -> Option<Position> {
        None
    }
}
