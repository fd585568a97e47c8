//! What a plan lets a command do, for people.

use std::path::Path;

use codex_sandbox::{How, Network, Plan, ReadPlan, WritePlan};

use crate::say;
use crate::workplace::Workplace;

/// Prints a plan and what it does not hold. A wrapper's standard error belongs to its command, so
/// this is told only when asked for.
pub(crate) fn print(workplace: &Workplace) {
    for line in lines(&workplace.plan, workplace.landlock_abi, &workplace.missing) {
        say::line(codex_view::sanitize::text(&line));
    }
}

fn lines(plan: &Plan, kernel_abi: Option<u32>, missing: &[String]) -> Vec<String> {
    let landlock = match kernel_abi {
        Some(abi) if abi > plan.landlock_abi.into() => {
            format!(" (landlock ABI {abi}; the rules use what {} has)", plan.landlock_abi)
        }
        Some(abi) => format!(" (landlock ABI {abi})"),
        None => String::new(),
    };
    let mut lines = vec![format!("level    {}{landlock}", plan.confinement.name())];
    lines.push(format!("plan     {}", plan.digest()));
    let read = match &plan.files.read {
        ReadPlan::Everything => vec!["everything".to_owned()],
        ReadPlan::Roots(roots) => shown(roots),
    };
    list(&mut lines, "read", read);
    list(&mut lines, "but not", shown(&plan.files.withheld));
    let write = match &plan.files.write {
        WritePlan::Everything => vec!["everything".to_owned()],
        WritePlan::Roots(roots) if roots.is_empty() => vec!["nothing".to_owned()],
        WritePlan::Roots(roots) => shown(roots),
    };
    list(&mut lines, "write", write);
    let kept = plan.protected.iter().filter(|kept| kept.how != How::InPlace);
    list(&mut lines, "but not", kept.map(|kept| kept.path.display().to_string()).collect());
    let network = match plan.network {
        Network::Off => "no",
        Network::Full => "yes",
    };
    lines.push(format!("network  {network}"));
    for (headline, all) in
        [("This level does not hold:", &plan.limits[..]), ("This machine lacks:", missing)]
    {
        if !all.is_empty() {
            lines.extend([String::new(), headline.to_owned()]);
            lines.extend(all.iter().map(|one| format!("  - {one}")));
        }
    }
    lines
}

fn shown(paths: &[impl AsRef<Path>]) -> Vec<String> {
    paths.iter().map(|path| path.as_ref().display().to_string()).collect()
}

/// Puts the first beside the name, and the others below it.
fn list(lines: &mut Vec<String>, name: &str, all: Vec<String>) {
    for (at, one) in all.into_iter().enumerate() {
        let name = if at == 0 { name } else { "" };
        lines.push(format!("{name:<8} {one}"));
    }
}
