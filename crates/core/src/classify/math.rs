//! `exp` and `ln` that give the same bits on every machine: the system's own may differ in the last place, and then a model
//! trained elsewhere would not be the same byte for byte.

/// e to the power of `x`.
pub(super) fn exp(x: f64) -> f64 {
    const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    if x.is_nan() {
        return x;
    }
    let x = x.clamp(-700.0, 700.0);
    let k = (x * std::f64::consts::LOG2_E).round();
    let r = (x - k * LN2_HIGH) - k * LN2_LOW;
    // Taylor: |r| ≤ ln2/2, so that the 14th term is under one unit in the last place.
    let mut sum = 1.0;
    for n in (1..=14).rev() {
        sum = 1.0 + sum * r / f64::from(n);
    }
    // 2^k for |k| ≤ 1011: never subnormal.
    sum * f64::from_bits(((k as i64 + 1023) as u64) << 52)
}

/// The natural logarithm of a positive number.
pub(super) fn ln(x: f64) -> f64 {
    let x = x.max(f64::MIN_POSITIVE);
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) as i64 - 1023) as f64;
    let mut mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa /= 2.0;
        exponent += 1.0;
    }
    // 2 artanh(s); |s| < 0.172.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let mut sum = 0.0;
    for n in (0..12).rev() {
        sum = sum * square + 1.0 / f64::from(2 * n + 1);
    }
    2.0 * s * sum + exponent * std::f64::consts::LN_2
}

/// Turns scores into probabilities that add up to one.
pub(super) fn softmax<const N: usize>(scores: [f64; N]) -> [f64; N] {
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers = scores.map(|score| exp(score - top));
    let sum: f64 = powers.iter().sum();
    powers.map(|power| power / sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agree_with_the_systems() {
        for step in -2000..2000 {
            let x = f64::from(step) * 0.31;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-13, "exp {x}");
            let y = f64::from(step + 2001) * 0.037;
            assert!((ln(y) - y.ln()).abs() < 1e-13, "ln {y}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(-1e9) > 0.0 && exp(1e9).is_finite() && exp(f64::NAN).is_nan());
    }

    #[test]
    fn softmax_adds_up_to_one() {
        for scores in [[0.0, 0.0, 0.0], [900.0, -900.0, 3.0], [1e-9, 5.0, -5.0]] {
            assert!((softmax(scores).iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
}
