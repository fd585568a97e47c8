//! Popups held against what they should show and do.
