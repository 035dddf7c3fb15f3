//! The ROC curve of scores and how they are spread, as an SVG.

use std::error::Error;
use std::io;

use plotters::coord::Shift;
use plotters::prelude::*;
use tidegate_score::stats::Samples;

use crate::plot::{GRID, HARD, INK, MEAN, SCORE, for_light_and_dark};

const SIZE: (u32, u32) = (960, 420);
/// Into how many bars the scores are sorted.
const BARS: usize = 20;
/// Points of the curve; a picture cannot show more.
const POINTS_MAX: usize = 2000;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

/// Draws how right and wrong answers are told apart, and by this limit.
pub(crate) fn draw(samples: &Samples, limit: f64) -> io::Result<String> {
    let mut svg = String::new();
    panels(&mut svg, samples, limit).map_err(|error| io::Error::other(error.to_string()))?;
    let at = samples.counts_at(limit);
    let number = |figure: Option<f64>| figure.map_or("none".to_string(), |x| format!("{x:.4}"));
    let title = format!(
        "Scores of {} right and {} wrong answers: area under the ROC curve {}; a limit of {limit} \
         halts a share of {} of the right and of {} of the wrong ones",
        at.right,
        at.wrong,
        number(samples.auc()),
        number(at.false_halts()),
        number(at.recall()),
    );
    Ok(for_light_and_dark(&svg, &title))
}

fn panels(svg: &mut String, samples: &Samples, limit: f64) -> Drawn {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let (left, right) = root.split_horizontally(SIZE.0 / 2);
    roc(&left, samples, limit)?;
    spread(&right, samples, limit)?;
    root.present()?;
    Ok(())
}

fn roc(area: &Area<'_>, samples: &Samples, limit: f64) -> Drawn {
    let font = |size: u32| ("sans-serif", size).into_font().color(&INK);
    let auc = samples.auc().map_or("none".to_string(), |auc| format!("{auc:.4}"));
    let mut chart = ChartBuilder::on(area)
        .caption(format!("ROC curve, area {auc}"), font(16))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(44)
        .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(font(12))
        .x_desc("share of right answers halted")
        .y_desc("share of wrong answers halted")
        .draw()?;
    let diagonal = [(0.0, 0.0), (1.0, 1.0)];
    chart.draw_series(DashedLineSeries::new(diagonal, 6, 4, INK.stroke_width(1)))?;
    let curve = samples.curve();
    let every = curve.len().div_ceil(POINTS_MAX).max(1);
    let last = curve.last().copied();
    let points = curve.into_iter().step_by(every).chain(last);
    chart.draw_series(LineSeries::new(points, SCORE.stroke_width(2)))?;
    let at = samples.counts_at(limit);
    if let (Some(x), Some(y)) = (at.false_halts(), at.recall()) {
        chart.draw_series([Circle::new((x, y), 5, HARD.filled())])?;
        // inside the picture, whichever corner the point is in
        let place = (if x > 0.6 { x - 0.35 } else { x + 0.02 }, (y - 0.04).max(0.06));
        let style = ("sans-serif", 13).into_font().color(&HARD);
        chart.draw_series([Text::new(format!("limit {limit:.4}"), place, style)])?;
    }
    Ok(())
}

/// How many answers of each kind have which score: right ones upward, wrong
/// ones downward, so that no bar hides another.
fn spread(area: &Area<'_>, samples: &Samples, limit: f64) -> Drawn {
    let mut bars = [(0i64, 0i64); BARS];
    for sample in samples.sorted() {
        let bar = ((sample.score * BARS as f64) as usize).min(BARS - 1);
        if let Some((right, wrong)) = bars.get_mut(bar) {
            *(if sample.is_right { right } else { wrong }) += 1;
        }
    }
    let high = bars.iter().map(|(right, wrong)| *right.max(wrong)).max().unwrap_or(0).max(1) as f64;
    let font = |size: u32| ("sans-serif", size).into_font().color(&INK);
    let mut chart = ChartBuilder::on(area)
        .caption("Scores: right answers up, wrong ones down", font(16))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(44)
        .build_cartesian_2d(0.0..1.0, -1.1 * high..1.1 * high)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(font(12))
        .x_desc("score")
        .y_desc("answers")
        .y_label_formatter(&|y| format!("{:.0}", y.abs()))
        .draw()?;
    let width = 1.0 / BARS as f64;
    for (number, (right, wrong)) in (0u32..).zip(bars) {
        let from = f64::from(number) * width;
        for (height, color) in [(right as f64, SCORE), (-(wrong as f64), MEAN)] {
            let corners = [(from + 0.1 * width, 0.0), (from + 0.9 * width, height)];
            chart.draw_series([Rectangle::new(corners, color.filled())])?;
        }
    }
    let line = [(limit, -1.1 * high), (limit, 1.1 * high)];
    chart.draw_series(LineSeries::new(line, HARD.stroke_width(2)))?;
    for (text, y, color) in [("right", 1.05, SCORE), ("wrong", -0.95, MEAN)] {
        let style = ("sans-serif", 13).into_font().color(&color);
        chart.draw_series([Text::new(text, (0.02, y * high), style)])?;
    }
    Ok(())
}
