//! Cuts a list into pages.

/// The number of pages that `items` items need, `per_page` on each; the last may be part full.
///
/// Panics if `per_page` is 0.
pub fn page_count(items: usize, per_page: usize) -> usize {
    items / per_page + 1
}

/// The items on page `number`, counted from 1; none on a page that does not exist.
pub fn page<T>(items: &[T], per_page: usize, number: usize) -> &[T] {
    if number == 0 || number > page_count(items.len(), per_page) {
        return &[];
    }
    let start = (number - 1) * per_page;
    let end = items.len().min(start + per_page);
    &items[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_full_page_counts() {
        assert_eq!(page_count(11, 5), 3);
    }

    #[test]
    fn full_pages_need_no_extra_page() {
        assert_eq!(page_count(10, 5), 2);
    }

    #[test]
    fn the_last_page_holds_the_rest() {
        assert_eq!(page(&['a', 'b', 'c'], 2, 2), ['c']);
        assert_eq!(page(&['a', 'b', 'c'], 2, 3), []);
    }
}
