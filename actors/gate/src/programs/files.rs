//! Programs that read files and describe or print them.

use super::Rule::{self, Options as Told};
use crate::options::Options;
use crate::places::unquoted;

pub(super) const TABLE: &[(&str, Rule)] = &[
    ("cat", Told(Options::flags("AbeEnstTuv").long(
        "show-all number-nonblank show-ends number squeeze-blank show-tabs show-nonprinting",
    ).with_globs())),
    ("head", Told(Options::flags("qvz").valued("cn").long(
        "bytes= lines= quiet silent verbose zero-terminated",
    ).with_count().with_globs())),
    // Never `-f`, `-F`, `--retry` or `--pid`: they wait.
    ("tail", Told(Options::flags("qvz").valued("cn").long(
        "bytes= lines= quiet silent verbose zero-terminated",
    ).with_count().with_globs())),
    // `--files0-from` would read names that nobody has looked at.
    ("wc", Told(Options::flags("clLmw").long("bytes chars lines max-line-length words total=").with_globs())),
    ("nl", Told(Options::flags("p").valued("bdfhilnsvw").long(
        "body-numbering= section-delimiter= footer-numbering= header-numbering= line-increment= \
         join-blank-lines= number-format= no-renumber number-separator= starting-line-number= number-width=",
    ).with_globs())),
    ("tac", Told(Options::flags("br").valued("s").long("before regex separator="))),
    ("rev", Told(Options::none())),
    ("ls", Told(Options::flags("aAbBcCdDfFgGhHiklLmnNopqQrRsStuUvxXZ1").valued("ITw").long(
        "all almost-all author escape block-size= ignore-backups color? directory dired classify? \
         file-type format= full-time group-directories-first no-group human-readable si \
         dereference-command-line dereference-command-line-symlink-to-dir hide= hyperlink? \
         indicator-style= inode ignore= kibibytes dereference numeric-uid-gid literal hide-control-chars \
         show-control-chars quote-name quoting-style= reverse recursive size sort= time= time-style= \
         tabsize= width= context zero",
    ).with_globs())),
    ("stat", Told(Options::flags("Lft").valued("c").long(
        "dereference file-system cached= format= printf= terse",
    ).with_globs())),
    ("du", Told(Options::flags("0abcDHhklmPsSx").valued("Bdt").long(
        "null all apparent-size block-size= bytes total dereference-args max-depth= human-readable inodes \
         count-links dereference no-dereference separate-dirs si summarize threshold= time? time-style= \
         exclude= one-file-system",
    ))),
    // Never `--sync`, which makes the kernel write.
    ("df", Told(Options::flags("ahHiklPTv").valued("Btx").long(
        "all block-size= human-readable si inodes local no-sync output? portability total type= \
         exclude-type= print-type",
    ))),
    ("readlink", Told(Options::flags("femnqsvz").long(
        "canonicalize canonicalize-existing canonicalize-missing no-newline quiet silent verbose zero",
    ))),
    ("realpath", Told(Options::flags("emLPqsz").long(
        "canonicalize-existing canonicalize-missing logical physical quiet relative-to= relative-base= \
         strip no-symlinks zero",
    ))),
    ("basename", Told(Options::flags("az").valued("s").long("multiple suffix= zero").texts(usize::MAX))),
    ("dirname", Told(Options::flags("z").long("zero").texts(usize::MAX))),
    // `-C` writes, `-m` loads a description, `-f` reads names, `-s` reads devices, `-z` runs programs.
    ("file", Told(Options::flags("0bhikLNr").valued("F").long(
        "brief separator= mime mime-type mime-encoding extension keep-going dereference \
         no-dereference no-pad print0 raw",
    ))),
    ("md5sum", SUM), ("sha1sum", SUM), ("sha224sum", SUM), ("sha256sum", SUM), ("sha384sum", SUM),
    ("sha512sum", SUM), ("b2sum", SUM),
    ("cksum", Told(Options::none())),
    ("sum", Told(Options::flags("rs").long("sysv"))),
    // Never more than two files, of which none is written.
    ("cmp", Told(Options::flags("bls").valued("in").long(
        "print-bytes ignore-initial= verbose bytes= quiet silent",
    ).files(4))),
    ("comm", Told(Options::flags("123z").long(
        "check-order nocheck-order output-delimiter= total zero-terminated",
    ).files(2))),
    // `-l` runs `pr`; `-X`, `--to-file` and `--from-file` read names.
    ("diff", Told(Options::flags("abBcdeEinNpqrsTtuwyZ").valued("CFILUWx").long(
        "normal brief report-identical-files context? unified? ed rcs side-by-side width= \
         left-column suppress-common-lines show-c-function show-function-line= label= expand-tabs \
         initial-tab tabsize= suppress-blank-empty recursive no-dereference new-file \
         unidirectional-new-file ignore-file-name-case no-ignore-file-name-case exclude= ignore-case \
         ignore-tab-expansion ignore-trailing-space ignore-space-change ignore-all-space \
         ignore-blank-lines ignore-matching-lines= text strip-trailing-cr minimal horizon-lines= \
         speed-large-files color?",
    ).files(2))),
    ("od", Told(Options::flags("abcdfilosvx").valued("AjNSt").attached("w").long(
        "address-radix= endian= skip-bytes= read-bytes= strings? format= output-duplicates width?",
    ))),
    // `-f` reads a format from a file.
    ("hexdump", Told(Options::flags("bcCdovx").valued("ens").long(
        "one-byte-octal one-byte-char canonical two-bytes-decimal two-bytes-octal two-bytes-hex \
         format= length= skip= no-squeezing",
    ))),
    // A second operand is written to, and `-r` writes; `-ps` and the like are read by their first letter.
    ("xxd", Told(Options::flags("abeEipu").valued("cgls").unbundled().files(1))),
    // `-T` and `-d` load the file as a program; `@file` reads options.
    ("strings", Rule::Own(strings)),
    ("base64", BASE), ("base32", BASE),
];

const SUM: Rule = Told(
    Options::flags("bctwz")
        .long("binary check tag text zero ignore-missing quiet status strict warn"),
);

/// A second operand is one too many on GNU, and an output file elsewhere.
const BASE: Rule =
    Told(Options::flags("di").valued("w").long("decode ignore-garbage wrap=").files(1));

const STRINGS: Options = Options::flags("afoUw")
    .valued("enst")
    .long("all print-file-name bytes= radix= encoding= include-all-whitespace output-separator=")
    .with_count();

fn strings(call: &super::Call<'_>) -> Result<(), String> {
    if call.arguments.iter().any(|word| unquoted(&word.text).starts_with('@')) {
        return Err("an argument with `@` reads options from a file".to_owned());
    }
    STRINGS.check(call.arguments, call.places)
}
