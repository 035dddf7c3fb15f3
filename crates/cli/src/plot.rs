//! `--plot`: the scores of a run, its limits and its halt, as an SVG.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use tidegate::Policy;

/// One judged token or claim.
pub(crate) struct Point {
    pub(crate) check: String,
    pub(crate) choice: u32,
    /// Absent where what halted was no score.
    pub(crate) score: Option<f64>,
    /// `halt` or `shadow`, and why.
    pub(crate) halt: Option<(&'static str, String)>,
}

const PANEL: (u32, u32) = (900, 300);
pub(crate) const INK: RGBColor = RGBColor(0x24, 0x29, 0x2f);
pub(crate) const GRID: RGBColor = RGBColor(0xd0, 0xd7, 0xde);
pub(crate) const SCORE: RGBColor = RGBColor(0x0a, 0x5c, 0xb8);
pub(crate) const MEAN: RGBColor = RGBColor(0x7a, 0x4f, 0xb5);
const SOFT: RGBColor = RGBColor(0x8a, 0x61, 0x00);
pub(crate) const HARD: RGBColor = RGBColor(0xb3, 0x1d, 0x28);

/// What each colour is on a dark page. Chosen so that each has a contrast of at
/// least 4.5 to the page it is drawn on, the grid excepted.
const DARK: [(RGBColor, &str); 6] = [
    (INK, "#e6edf3"),
    (GRID, "#3d444d"),
    (SCORE, "#6cb6ff"),
    (MEAN, "#c297ff"),
    (SOFT, "#e3b341"),
    (HARD, "#ff7b72"),
];

type Drawn = Result<(), Box<dyn Error>>;

/// Draws one panel for each check that judged something.
pub(crate) fn draw(path: &Path, policy: &Policy, points: &[Point]) -> Drawn {
    let series: Vec<(&tidegate::HaltCheck, u32, Vec<&Point>)> = series(policy, points);
    let panels = series.len().max(1) as u32;
    let mut svg = String::new();
    {
        let size = (PANEL.0, PANEL.1 * panels);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        if series.is_empty() {
            let style = ("sans-serif", 16).into_font().color(&INK);
            root.draw(&Text::new("nothing was scored", (20, 20), style))?;
        }
        for (area, (check, choice, points)) in
            root.split_evenly((panels as usize, 1)).iter().zip(&series)
        {
            panel(area, check, *choice, points)?;
        }
        root.present()?;
    }
    std::fs::write(path, for_light_and_dark(&svg, "Scores of a run of tidegate"))?;
    Ok(())
}

fn series<'a>(
    policy: &'a Policy,
    points: &'a [Point],
) -> Vec<(&'a tidegate::HaltCheck, u32, Vec<&'a Point>)> {
    let mut series: Vec<(&tidegate::HaltCheck, u32, Vec<&Point>)> = Vec::new();
    for point in points {
        let Some(check) = policy.halt.iter().find(|check| check.name == point.check) else {
            continue;
        };
        let same = |(of, choice, _): &&mut (&tidegate::HaltCheck, u32, Vec<&Point>)| {
            of.name == check.name && *choice == point.choice
        };
        match series.iter_mut().find(same) {
            Some((_, _, points)) => points.push(point),
            None => series.push((check, point.choice, vec![point])),
        }
    }
    series
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    check: &tidegate::HaltCheck,
    choice: u32,
    points: &[&Point],
) -> Drawn {
    let last = points.len().max(2) as f64;
    let font = |size: u32| ("sans-serif", size).into_font().color(&INK);
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{}, choice {choice}", check.name), font(16))
        .margin(12)
        .margin_right(150)
        .x_label_area_size(32)
        .y_label_area_size(44)
        .build_cartesian_2d(0.0..last, 0.0..1.0)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(font(12))
        .x_desc("score")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .draw()?;

    let limits = [
        ("soft limit", check.soft_limit, SOFT),
        ("hard limit", check.hard_limit, HARD),
        ("window limit", check.window_threshold, MEAN),
    ];
    for (_, limit, color) in limits {
        let line = [(0.0, limit), (last, limit)];
        chart.draw_series(DashedLineSeries::new(line, 6, 4, color.stroke_width(1)))?;
    }
    let scores: Vec<(f64, f64)> = (0u32..)
        .zip(points)
        .filter_map(|(x, point)| Some((f64::from(x) + 0.5, point.score?)))
        .collect();
    let window = check.window_size as usize;
    let means: Vec<(f64, f64)> = scores
        .windows(window)
        .filter_map(|scores| {
            let sum: f64 = scores.iter().map(|(_, score)| score).sum();
            Some((scores.last()?.0, sum / window as f64))
        })
        .collect();
    chart.draw_series(LineSeries::new(means, MEAN.stroke_width(2)))?;
    chart.draw_series(LineSeries::new(scores.iter().copied(), SCORE.stroke_width(2)))?;
    if scores.len() <= 200 {
        let dots = scores.iter().map(|point| Circle::new(*point, 3, SCORE.filled()));
        chart.draw_series(dots)?;
    }
    for (x, point) in (0u32..).zip(points) {
        let Some((kind, why)) = &point.halt else { continue };
        let x = f64::from(x) + 0.5;
        let line = [(x, 0.0), (x, 1.0)];
        chart.draw_series(LineSeries::new(line, HARD.stroke_width(2)))?;
        // on the side that has room
        let (side, offset) =
            if x > last / 2.0 { (HPos::Right, -0.01 * last) } else { (HPos::Left, 0.01 * last) };
        let style = ("sans-serif", 13).into_font().color(&HARD).pos(Pos::new(side, VPos::Bottom));
        chart.draw_series([Text::new(format!("{kind}: {why}"), (x + offset, 0.01), style)])?;
    }
    legend(&chart, check, last)
}

/// Names the lines at the right-hand end, in their colours.
fn legend<'a>(
    chart: &ChartContext<
        'a,
        SVGBackend<'_>,
        Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
    >,
    check: &tidegate::HaltCheck,
    last: f64,
) -> Drawn {
    let mut rows = vec![
        (check.soft_limit, format!("soft limit {}", check.soft_limit), SOFT),
        (check.hard_limit, format!("hard limit {}", check.hard_limit), HARD),
        (check.window_threshold, format!("window limit {}", check.window_threshold), MEAN),
    ];
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (x, _) = chart.backend_coord(&(last, 0.0));
    let root = chart.plotting_area().strip_coord_spec();
    let (base_x, base_y) = root.get_base_pixel();
    let mut below = i32::MIN;
    for (limit, text, color) in rows {
        let (_, y) = chart.backend_coord(&(0.0, limit));
        // labels of near limits must not lie over each other
        let y = (y - 7).max(below);
        below = y + 15;
        let style = ("sans-serif", 12).into_font().color(&color);
        root.draw(&Text::new(text, (x + 8 - base_x, y - base_y), style))?;
    }
    let keys = [("score", SCORE), ("window mean", MEAN)];
    for (row, (text, color)) in (0i32..).zip(keys) {
        let (_, top) = chart.backend_coord(&(0.0, 1.0));
        let style = ("sans-serif", 12).into_font().color(&color);
        root.draw(&Text::new(
            format!("— {text}"),
            (x + 8 - base_x, top + 15 * row - base_y),
            style,
        ))?;
    }
    Ok(())
}

/// Adds what makes the picture legible on a dark page as on a light one, and a
/// title for those who do not see it: plain text without markup.
pub(crate) fn for_light_and_dark(svg: &str, title: &str) -> String {
    let mut rules = String::new();
    for (light, dark) in DARK {
        let RGBColor(r, g, b) = light;
        let hex = format!("#{r:02X}{g:02X}{b:02X}");
        rules.push_str(&format!(
            "[fill=\"{hex}\"]{{fill:{dark}}}[stroke=\"{hex}\"]{{stroke:{dark}}}"
        ));
    }
    let style = format!("<style>@media (prefers-color-scheme: dark){{{rules}}}</style>");
    match svg.find('>') {
        Some(end) => {
            let (head, rest) = svg.split_at(end + 1);
            format!("{head}\n<title>{title}</title>{style}{rest}")
        }
        None => svg.to_string(),
    }
}
