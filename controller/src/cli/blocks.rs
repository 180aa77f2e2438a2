//! A series as one line of blocks.

use line3_proto::Wall;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The mean of the points in each of `width` equal spans of time, the least as `▁` and the greatest as `█`. A span without points goes
/// on as the one before, but where points are missing, measured by the usual time between two, it is a blank. All alike: a line of `▄`.
pub(super) fn line(points: &[(Wall, f64)], from: Wall, to: Wall, width: usize) -> String {
    let span = i128::from(to.0) - i128::from(from.0);
    if span <= 0 || width == 0 {
        return String::new();
    }
    let mut sums = vec![(0.0, 0_u32); width];
    for (at, value) in points {
        let place = (i128::from(at.0) - i128::from(from.0)) * i128::try_from(width).unwrap_or(0) / span;
        if let Some((sum, count)) = usize::try_from(place).ok().and_then(|place| sums.get_mut(place)) {
            *sum += value;
            *count += 1;
        }
    }
    let goes_on = usize::try_from(usual_step(points) * i128::try_from(width).unwrap_or(0) * 3 / 2 / span).unwrap_or(0);
    let (mut last, mut since) = (None, 0);
    let mut means = Vec::with_capacity(width);
    for (sum, count) in sums {
        if count > 0 {
            (last, since) = (Some(sum / f64::from(count)), 0);
        } else {
            since += 1;
        }
        means.push(last.filter(|_| since <= goes_on));
    }
    let (min, max) = means.iter().flatten().fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), mean| (min.min(*mean), max.max(*mean)));
    let line: String = means.iter().map(|mean| mean.map_or(' ', |mean| block((mean - min) / (max - min)))).collect();
    line.trim_end().to_owned()
}

/// The median of the times between points.
fn usual_step(points: &[(Wall, f64)]) -> i128 {
    let mut steps: Vec<i128> =
        points.windows(2).filter_map(|pair| Some(i128::from(pair.last()?.0.0) - i128::from(pair.first()?.0.0))).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied().unwrap_or(0).max(0)
}

/// The block of a part of the whole; what is no number lies in the middle.
fn block(part: f64) -> char {
    let threshold = |level: usize| [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875].get(level).copied().unwrap_or(1.0);
    let level = if part.is_finite() { (0..7).find(|level| part < threshold(*level)).unwrap_or(7) } else { 3 };
    BLOCKS.get(level).copied().unwrap_or(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[(i64, f64)], width: usize, shown: &str) {
        let points: Vec<(Wall, f64)> = values.iter().map(|(at, value)| (Wall(*at), *value)).collect();
        assert_eq!(line(&points, Wall(0), Wall(8), width), shown);
    }

    #[test]
    fn from_the_least_to_the_greatest() {
        let rising: Vec<(i64, f64)> =
            [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0].into_iter().enumerate().map(|(at, value)| (at as i64, value)).collect();
        check(&rising, 8, "▁▂▃▄▅▆▇█");
        check(&rising, 2, "▁█");
    }

    #[test]
    fn gaps_are_blank_and_one_value_is_no_slope() {
        check(&[(0, 5.0), (1, 5.0), (2, 5.0), (7, 5.0)], 8, "▄▄▄▄   ▄");
        check(&[(0, 1.0), (2, 1.0), (4, 2.0), (6, 1.0)], 8, "▁▁▁▁██▁▁");
        check(&[], 4, "");
        check(&[(-1, 100.0), (0, -1.0), (1, -3.0), (2, -3.0), (9, 100.0)], 8, "█▁▁▁");
        assert_eq!(line(&[], Wall(5), Wall(5), 8), "");
    }
}
