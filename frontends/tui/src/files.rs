//! stub
pub struct Finder;
impl Finder {
    pub fn new(
        _: std::path::PathBuf,
        _: impl Fn(crate::update::FileMatches) + Send + 'static,
    ) -> Finder {
        Finder
    }
    pub fn find(&self, _: String) {}
}
