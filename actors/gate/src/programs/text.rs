//! Programs that search and rearrange text.

use super::Call;
use super::Rule::{self, Options as Told};
use crate::options::Options;

pub(super) const TABLE: &[(&str, Rule)] = &[
    // Without `--exclude-from` (reads names) and `-D` (reads devices).
    ("grep", Told(Options::flags("EFGPRLTUVZabcHhIilnoqrsvwxyz").valued("ABCdefm").long(
        "extended-regexp fixed-strings basic-regexp perl-regexp regexp= file= ignore-case no-ignore-case \
         word-regexp line-regexp null-data no-messages invert-match max-count= byte-offset line-number \
         line-buffered with-filename no-filename label= only-matching quiet silent binary-files= text \
         directories= recursive dereference-recursive include= exclude= exclude-dir= files-without-match \
         files-with-matches count initial-tab null before-context= after-context= context= \
         group-separator= no-group-separator color? colour?",
    ).pattern(&["e", "f", "regexp", "file"]).with_count().with_globs())),
    // Without those that run programs (`--pre`, `--hostname-bin`, `-z`/`--search-zip`) and those that
    // read settings (`--ignore-file`).
    ("rg", Told(Options::flags("0FHILNPSUabchilnopqsuvwx.").valued("ABCEMTdefgjmrt").long(
        "after-context= auto-hybrid-regex before-context= binary block-buffered byte-offset case-sensitive \
         color= colors= column context= context-separator= count count-matches crlf debug encoding= engine= \
         field-context-separator= field-match-separator= file= files files-with-matches \
         files-without-match fixed-strings follow glob= glob-case-insensitive heading hidden iglob= \
         ignore-case include-zero invert-match json line-buffered line-number line-regexp max-columns= \
         max-columns-preview max-count= max-depth= maxdepth= max-filesize= mmap multiline \
         multiline-dotall no-binary no-column no-config no-context-separator no-encoding no-filename \
         no-follow no-heading no-hidden no-ignore no-ignore-dot no-ignore-exclude no-ignore-files \
         no-ignore-global no-ignore-messages no-ignore-parent no-ignore-vcs no-json no-line-number \
         no-messages no-mmap no-multiline no-pcre2 no-pre no-require-git no-search-zip no-stats no-text \
         no-trim no-unicode null null-data one-file-system only-matching passthru path-separator= pcre2 \
         pcre2-version pretty quiet regex-size-limit= regexp= replace= smart-case sort= sortr= stats \
         stop-on-nonmatch text threads= trace trim type= type-add= type-clear= type-list type-not= \
         unrestricted vimgrep with-filename word-regexp",
    ).pattern(&["e", "f", "regexp", "file", "files", "type-list"]))),
    // `-o` writes, `-T` and `--compress-program` write and run, `--files0-from` reads names.
    ("sort", Told(Options::flags("bcCdfghiMmnRrsuVz").valued("ktS").long(
        "ignore-leading-blanks dictionary-order ignore-case general-numeric-sort ignore-nonprinting \
         month-sort human-numeric-sort numeric-sort random-sort reverse sort= version-sort check? \
         debug key= merge stable buffer-size= field-separator= parallel= unique zero-terminated",
    ))),
    // A second operand is written to.
    ("uniq", Told(Options::flags("cdDiuz").valued("fsw").long(
        "count repeated all-repeated? skip-fields= group? ignore-case skip-chars= unique \
         zero-terminated check-chars=",
    ).files(1))),
    ("cut", Told(Options::flags("nsz").valued("bcdf").long(
        "bytes= characters= complement delimiter= fields= only-delimited output-delimiter= zero-terminated",
    ))),
    ("tr", Told(Options::flags("cCdst").long("complement delete squeeze-repeats truncate-set1").texts(2))),
    ("paste", Told(Options::flags("sz").valued("d").long("delimiters= serial zero-terminated"))),
    ("fold", Told(Options::flags("bs").valued("w").long("bytes spaces width="))),
    ("expand", Told(Options::flags("i").valued("t").long("initial tabs="))),
    ("unexpand", Told(Options::flags("a").valued("t").long("all first-only tabs="))),
    ("join", Told(Options::flags("iz").valued("aejotv12").long(
        "ignore-case check-order nocheck-order header zero-terminated",
    ).files(2))),
    ("column", Told(Options::flags("tx").valued("cos").long(
        "table fillrows output-width= output-separator= separator=",
    ))),
    ("numfmt", Told(Options::flags("z").valued("d").long(
        "delimiter= field= format= from= from-unit= grouping header? padding= round= suffix= to= to-unit= \
         zero-terminated",
    ).texts(usize::MAX))),
    ("sed", Rule::Own(sed)),
];

/// `sed -n` with lines to print, and files. Every other command of its language is refused: some write
/// (`w`), some run (`e`), and telling them apart means parsing all of it.
fn sed(call: &Call<'_>) -> Result<(), String> {
    let refused = "only `sed -n` with `N[,M]p` is known to only look";
    let texts = call.texts();
    let [quiet, lines, files @ ..] = &texts[..] else { return Err(refused.to_owned()) };
    let quiet = matches!(*quiet, "-n" | "--quiet" | "--silent");
    if !quiet || !prints_lines(lines) || files.iter().any(|file| file.starts_with('-')) {
        return Err(refused.to_owned());
    }
    files.iter().try_for_each(|file| call.places.check(file))
}

fn prints_lines(script: &str) -> bool {
    let Some(lines) = script.strip_suffix('p') else { return false };
    let number = |text: &str| {
        text == "$"
            || (!text.is_empty() && text.len() <= 9 && text.bytes().all(|it| it.is_ascii_digit()))
    };
    match lines.split_once(',') {
        Some((from, to)) => number(from) && number(to),
        None => number(lines),
    }
}
