//! Draws the chart of docs/performance.md as SVG, from the tables of docs/generated/performance.md.
//!
//! ```sh
//! chart docs/generated/performance.md >docs/img/performance.svg
//! ```
//!
//! `scripts/bench write` and `scripts/bench-http --write` call it after they have written the
//! tables. It needs the standard library only, so that a test of the repository can include it.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::process::ExitCode;
use std::{env, fs};

fn main() -> ExitCode {
    let drawn = env::args().nth(1).ok_or_else(|| "usage: chart PAGE".to_owned()).and_then(|page| {
        let text = fs::read_to_string(&page).map_err(|error| format!("{page}: {error}"))?;
        draw(&text)
    });
    match drawn {
        Ok(svg) => {
            print!("{svg}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// One bar.
#[derive(Debug, PartialEq)]
struct Bar {
    label: String,
    value: f64,
    shown: String,
    kind: Kind,
}

/// The owner of a bar, which is also its class in the style sheet.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Ours,
    /// The baseline: a signature check only, or a server without authentication.
    Baseline,
    Peer,
}

/// Draws both panels, from the tables `peers` and `http` of the page.
pub(crate) fn draw(page: &str) -> Result<String, String> {
    let mut times = times(page)?;
    times.sort_by(|a, b| a.value.total_cmp(&b.value));
    let mut rates = rates(page)?;
    rates.sort_by(|a, b| b.value.total_cmp(&a.value));
    Ok(svg(&times, &rates))
}

/// Returns the time of a request with a valid token for each layer.
fn times(page: &str) -> Result<Vec<Bar>, String> {
    let rows = rows(page, "peers")?;
    let mut bars = Vec::new();
    for cells in &rows {
        let (label, kind) = match cells.first().map(String::as_str) {
            Some("signature of the same token") => ("bare signature check", Kind::Baseline),
            Some("scopegate: good token") => ("scopegate, cached token", Kind::Ours),
            Some("scopegate-without-cache: good token") => ("scopegate, new token", Kind::Ours),
            Some(name) => match name.strip_suffix(": good token") {
                Some("bare" | "no-op" | "no-op-axum-0.7") | None => continue,
                Some(peer) => (peer, Kind::Peer),
            },
            None => continue,
        };
        let micros = number(cells, 4)? / 1000.0;
        bars.push(Bar { label: label.to_owned(), value: micros, shown: format!("{micros:.1} µs"), kind });
    }
    expect(bars, 3, "peers")
}

/// Returns the requests per second of each server.
fn rates(page: &str) -> Result<Vec<Bar>, String> {
    let rows = rows(page, "http")?;
    let mut bars = Vec::new();
    for cells in &rows {
        let (label, kind) = match cells.first().map(String::as_str) {
            Some("bare") => ("no authentication", Kind::Baseline),
            Some("scopegate") => ("scopegate, cached token", Kind::Ours),
            Some("scopegate-without-cache") => ("scopegate, new token", Kind::Ours),
            Some("no-op" | "scopegate-rotating") | None => continue,
            Some(peer) => (peer, Kind::Peer),
        };
        let rate = number(cells, 1)?;
        bars.push(Bar { label: label.to_owned(), value: rate, shown: grouped(rate), kind });
    }
    expect(bars, 3, "http")
}

fn expect(bars: Vec<Bar>, least: usize, table: &str) -> Result<Vec<Bar>, String> {
    let ours = bars.iter().filter(|bar| bar.kind == Kind::Ours).count();
    if bars.len() < least || ours != 2 {
        return Err(format!("table {table}: expected two rows of ours and others, found {}", bars.len()));
    }
    Ok(bars)
}

/// Returns the cells of each row between the two marks of this name, without the two lines of the
/// heading.
fn rows(page: &str, name: &str) -> Result<Vec<Vec<String>>, String> {
    let (begin, end) = (format!("<!-- begin {name} -->"), format!("<!-- end {name} -->"));
    let table = page.split(&begin).nth(1).and_then(|rest| rest.split(&end).next());
    let lines = table.ok_or_else(|| format!("there is no table {name}"))?.lines();
    let rows = lines
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>());
    Ok(rows.collect())
}

fn number(cells: &[String], at: usize) -> Result<f64, String> {
    let cell = cells.get(at).map_or("", String::as_str);
    cell.replace(',', "").parse().map_err(|_| format!("expected a number in {cells:?}, found {cell:?}"))
}

/// Rounds to hundreds, because the rest is noise.
fn grouped(rate: f64) -> String {
    let thousands = (rate / 100.0).round() / 10.0;
    let (whole, rest) = (thousands.trunc(), (thousands.fract() * 10.0).round());
    format!("{whole:.0},{rest:.0}00")
}

const WIDTH: f64 = 760.0;
const LABELS: f64 = 250.0;
const BARS: f64 = 400.0;
const ROW: f64 = 24.0;

fn svg(times: &[Bar], rates: &[Bar]) -> String {
    let mut body = String::new();
    let middle =
        panel(&mut body, 36.0, "Time per request, valid RS256 token, one thread (shorter is better)", times);
    let end = panel(
        &mut body,
        middle + 42.0,
        "Requests per second over HTTP, one processor (longer is better)",
        rates,
    );
    let height = end + 16.0;
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-label="Benchmark: time per request and requests per second">
<style>
  text {{ font: 13px system-ui, sans-serif; fill: #1f2328 }}
  .title {{ font-weight: 600 }}
  .label, .value {{ font-variant-numeric: tabular-nums }}
  .label {{ text-anchor: end }}
  .page {{ fill: #ffffff; stroke: #d0d7de }}
  .ours {{ fill: #1a7f5a }}
  .baseline {{ fill: #8c959f }}
  .peer {{ fill: #b8c4d6 }}
  @media (prefers-color-scheme: dark) {{
    text {{ fill: #e6edf3 }}
    .page {{ fill: #161b22; stroke: #30363d }}
    .ours {{ fill: #3fb98a }}
    .baseline {{ fill: #8b949e }}
    .peer {{ fill: #4c5a70 }}
  }}
</style>
<rect class="page" x="0.5" y="0.5" width="{}" height="{}" rx="8"/>
{body}</svg>
"#,
        WIDTH - 1.0,
        height - 1.0,
    )
}

/// Writes a panel with its title at `top`, and returns the position of its end.
fn panel(body: &mut String, top: f64, title: &str, bars: &[Bar]) -> f64 {
    let longest = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    let _ = writeln!(body, r#"<text class="title" x="24" y="{top}">{title}</text>"#);
    let mut y = top + 12.0;
    for Bar { label, value, shown, kind } in bars {
        let class = match kind {
            Kind::Ours => "ours",
            Kind::Baseline => "baseline",
            Kind::Peer => "peer",
        };
        let (width, text) = (value / longest * BARS, y + 16.0);
        let _ = writeln!(
            body,
            r#"<text class="label" x="{}" y="{text}">{label}</text><rect class="{class}" x="{LABELS}" y="{}" width="{width:.1}" height="16" rx="2"/><text class="value" x="{:.1}" y="{text}">{shown}</text>"#,
            LABELS - 10.0,
            y + 3.0,
            LABELS + width + 8.0,
        );
        y += ROW;
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
<!-- begin peers -->

| | instructions | ratio | allocations | ns | ratio |
| --- | ---: | ---: | ---: | ---: | ---: |
| signature of the same token | 1 |  | 0.0 | 10,000 |  |
| bare: good token | 1 | 1 | 1 | 400 | 1 |
| scopegate: good token | 1 | 1 | 1 | 500 | 1 |
| scopegate: expired | 1 | 1 | 1 | 77 | 1 |
| scopegate-without-cache: good token | 1 | 1 | 1 | 12,340 | 1 |
| another: good token | 1 | 1 | 1 | 20,000 | 1 |

<!-- end peers -->
<!-- begin http -->

| server | requests/s | ratio |
| --- | ---: | ---: |
| bare | 100000 | 1.00 |
| scopegate | 98765 | 0.99 |
| scopegate-rotating | 98000 | 0.99 |
| scopegate-without-cache | 30049 | 0.30 |
| another | 25000 | 0.25 |

<!-- end http -->
";

    #[test]
    fn bars_are_the_rows_of_the_page() {
        let svg = draw(PAGE).unwrap();
        for (label, width, shown) in [
            ("scopegate, cached token", "10.0", "0.5 µs"),
            ("bare signature check", "200.0", "10.0 µs"),
            ("scopegate, new token", "246.8", "12.3 µs"),
            ("another", "400.0", "20.0 µs"),
            ("no authentication", "400.0", "100,000"),
            ("scopegate, cached token", "395.1", "98,800"),
            ("scopegate, new token", "120.2", "30,000"),
            ("another", "100.0", "25,000"),
        ] {
            let row = svg.lines().find(|line| {
                line.contains(&format!(">{label}<")) && line.ends_with(&format!(">{shown}</text>"))
            });
            let row = row.unwrap_or_else(|| panic!("{label} {shown}\n{svg}"));
            assert!(row.contains(&format!(r#"width="{width}""#)), "{row}");
        }
        assert_eq!(svg.matches(r#"class="label""#).count(), 8, "{svg}");
    }

    #[test]
    fn bars_are_sorted_best_first() {
        let svg = draw(PAGE).unwrap();
        let at = |text: &str| svg.find(text).unwrap();
        assert!(at("0.5 µs") < at("10.0 µs") && at("12.3 µs") < at("20.0 µs"));
        assert!(at("100,000") < at("98,800") && at("30,000") < at("25,000"));
    }

    #[test]
    fn page_without_table_or_number_is_error() {
        for (from, to) in [
            ("<!-- begin http -->", ""),
            ("10,000", "-"),
            ("| scopegate | 98765", "| other | 98765"),
            ("scopegate-without-cache: good token", "bare: good token"),
        ] {
            assert!(draw(&PAGE.replace(from, to)).is_err(), "{from}");
        }
    }

    #[test]
    fn rates_are_rounded_to_hundreds() {
        for (rate, shown) in
            [(122_833.0, "122,800"), (25_029.0, "25,000"), (25_978.0, "26,000"), (99_960.0, "100,000")]
        {
            assert_eq!(grouped(rate), shown);
        }
    }
}
