//! Which item of a response an event speaks of.

/// The most items that a response may have.
pub(crate) const MAX_ITEMS: usize = 1000;

/// How an event names its item. Servers differ in which of the two they send, and how well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The provider's id of the item.
    pub(crate) id: Option<String>,
    /// Its position, as the server counts.
    pub(crate) index: Option<u64>,
}

/// Numbers the items of a response in the order in which they are first spoken of.
///
/// A position is given away once, whatever the server says: the journal allows no second item at
/// the same place.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    seen: Vec<Seen>,
}

#[derive(Debug)]
struct Seen {
    place: Place,
    done: bool,
}

/// There are more than [`MAX_ITEMS`] items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

impl Positions {
    /// Gives the position of an item that is still under way.
    pub(crate) fn open(&mut self, place: Place) -> Result<u32, TooMany> {
        match self.find(&place) {
            Some(at) => Ok(number(at)),
            None => self.add(place, false),
        }
    }

    /// Gives the position of an item that is complete now; none when it was so before.
    pub(crate) fn close(&mut self, place: Place) -> Result<Option<u32>, TooMany> {
        let repeated = |seen: &Seen| seen.done && place.id.is_some() && seen.place.id == place.id;
        if self.seen.iter().any(repeated) {
            return Ok(None);
        }
        match self.find(&place) {
            Some(at) => {
                self.seen[at].done = true;
                Ok(Some(number(at)))
            }
            None => self.add(place, true).map(Some),
        }
    }

    // The id first: servers that number badly tend to say 0 for every item, and servers that make
    // up an id for each event tend to number well.
    fn find(&self, place: &Place) -> Option<usize> {
        let open = || self.seen.iter().enumerate().rev().filter(|(_, seen)| !seen.done);
        let by_id = open().find(|(_, seen)| place.id.is_some() && seen.place.id == place.id);
        let by_index =
            || open().find(|(_, seen)| place.index.is_some() && seen.place.index == place.index);
        let last = || open().next().filter(|_| *place == Place::default());
        by_id.or_else(by_index).or_else(last).map(|(at, _)| at)
    }

    fn add(&mut self, place: Place, done: bool) -> Result<u32, TooMany> {
        if self.seen.len() >= MAX_ITEMS {
            return Err(TooMany);
        }
        self.seen.push(Seen { place, done });
        Ok(number(self.seen.len() - 1))
    }
}

fn number(at: usize) -> u32 {
    u32::try_from(at).expect("there are at most MAX_ITEMS")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(id: &str, index: u64) -> Place {
        Place { id: Some(id.into()), index: Some(index) }
    }

    #[test]
    fn items_under_way_at_once_keep_apart() {
        let mut positions = Positions::default();
        assert_eq!(positions.open(place("a", 0)), Ok(0));
        assert_eq!(positions.open(place("b", 1)), Ok(1));
        assert_eq!(positions.open(place("a", 0)), Ok(0));
        assert_eq!(positions.close(place("b", 1)), Ok(Some(1)));
        assert_eq!(positions.close(place("a", 0)), Ok(Some(0)));
        assert_eq!(positions.close(place("c", 2)), Ok(Some(2)));
    }

    #[test]
    fn an_item_that_is_complete_twice_counts_once() {
        let mut positions = Positions::default();
        assert_eq!(positions.close(place("a", 0)), Ok(Some(0)));
        assert_eq!(positions.close(place("a", 0)), Ok(None));
    }

    #[test]
    fn servers_that_number_or_name_badly_are_understood() {
        let mut zeros = Positions::default();
        assert_eq!(zeros.open(place("a", 0)), Ok(0));
        assert_eq!(zeros.close(place("a", 0)), Ok(Some(0)));
        assert_eq!(zeros.open(place("b", 0)), Ok(1));
        assert_eq!(zeros.close(place("b", 0)), Ok(Some(1)));

        let mut made_up = Positions::default();
        assert_eq!(made_up.open(place("x", 0)), Ok(0));
        assert_eq!(made_up.open(place("y", 0)), Ok(0));
        assert_eq!(made_up.close(place("z", 0)), Ok(Some(0)));

        let mut silent = Positions::default();
        assert_eq!(silent.open(Place::default()), Ok(0));
        assert_eq!(silent.close(Place::default()), Ok(Some(0)));
        assert_eq!(silent.close(Place::default()), Ok(Some(1)));
    }

    #[test]
    fn there_is_an_end_to_it() {
        let mut positions = Positions::default();
        for n in 0..MAX_ITEMS {
            assert!(positions.close(place(&n.to_string(), n as u64)).is_ok());
        }
        assert_eq!(positions.close(place("more", 1000)), Err(TooMany));
        assert_eq!(positions.open(place("more", 1000)), Err(TooMany));
        assert_eq!(positions.close(place("7", 7)), Ok(None));
    }
}
