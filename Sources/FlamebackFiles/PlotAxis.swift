import FlamebackKernels
import Glibc

/// How numbers become places on an axis.
public enum AxisScale: Sendable {
  case linear
  /// Numbers that are not positive are left out.
  case log
}

/// A range with marks at round numbers.
struct Axis {
  let scale: AxisScale
  let low: Double
  let high: Double
  /// Marks with a label.
  let ticks: [(value: Double, label: String)]
  /// Marks without one: 2 … 9 between the powers of ten.
  let minor: [Double]

  /// The axis for `values`, with about `count` marks.
  init(_ values: some Sequence<Double>, scale: AxisScale, count: Int, fixed: ClosedRange<Double>? = nil) {
    self.scale = scale
    var least = Double.infinity
    var greatest = -Double.infinity
    for value in values where value.isFinite && (scale == .linear || value > 0) {
      least = min(least, value)
      greatest = max(greatest, value)
    }
    if let fixed { (least, greatest) = (fixed.lowerBound, fixed.upperBound) }
    if least > greatest { (least, greatest) = scale == .log ? (0.1, 1) : (0, 1) }
    switch scale {
    case .linear:
      if least == greatest {
        let reach = max(abs(least) * 0.1, 0.5)
        least -= reach
        greatest += reach
      }
      let step = Axis.roundStep((greatest - least) / Double(max(count, 1)))
      let first = (least / step).rounded(.down)
      let last = (greatest / step).rounded(.up)
      // A whole step of empty space is too much: the line may end between marks.
      low = fixed?.lowerBound ?? (least - first * step > step * 0.6 ? least - step * 0.1 : first * step)
      high = fixed?.upperBound ?? (last * step - greatest > step * 0.6 ? greatest + step * 0.1 : last * step)
      let slack = step * 1e-6
      var marks: [(value: Double, label: String)] = []
      for i in Int(first)...Int(last) {
        let value = Double(i) * step
        if value >= low - slack && value <= high + slack { marks.append((value, Axis.label(value, step: step))) }
      }
      ticks = marks
      minor = []
    case .log:
      let bottom = Glibc.log10(least)
      let top = Glibc.log10(greatest)
      let reach = max((top - bottom) * 0.05, 0.05)
      low = fixed?.lowerBound ?? pow(10, bottom - reach)
      high = fixed?.upperBound ?? pow(10, top + reach)
      let first = Int(Glibc.log10(low).rounded(.down))
      let last = Int(Glibc.log10(high).rounded(.up))
      let (from, to) = (low * (1 - 1e-9), high * (1 + 1e-9))
      let every = max(1, (last - first) / max(count, 1))
      let powers = stride(from: first, through: last, by: every).map { pow(10, Double($0)) }
      let fine: [Double] = (first...last).flatMap { power in (2...9).map { Double($0) * pow(10, Double(power)) } }
      let inside = powers.filter { $0 >= from && $0 <= to }
      // Less than a decade: label the numbers between.
      if inside.count >= 2 {
        ticks = inside.map { ($0, Axis.label($0, step: 0)) }
        minor = every == 1 ? fine.filter { $0 >= from && $0 <= to } : []
      } else {
        ticks = (powers + fine).filter { $0 >= from && $0 <= to }.sorted().map { ($0, Axis.label($0, step: 0)) }
        minor = []
      }
    }
  }

  /// 0 at the low end, 1 at the high one; NaN for what the axis cannot show.
  func place(_ value: Double) -> Double {
    switch scale {
    case .linear: value.isFinite ? (value - low) / (high - low) : .nan
    case .log: value > 0 && value.isFinite ? Glibc.log(value / low) / Glibc.log(high / low) : .nan
    }
  }

  /// 1, 2 or 5 times a power of ten.
  static func roundStep(_ step: Double) -> Double {
    let power = pow(10, Glibc.log10(step).rounded(.down))
    let digit = step / power
    return power * (digit <= 1.001 ? 1 : digit <= 2.001 ? 2 : digit <= 5.001 ? 5 : 10)
  }

  static func label(_ value: Double, step: Double) -> String {
    let size = abs(value)
    if size < step * 1e-6 || value == 0 { return "0" }
    if size >= 1e6 || size < 1e-3 {
      let exponent = Int((Glibc.log10(size) + 1e-9).rounded(.down))
      let mantissa = value / pow(10, Double(exponent))
      let power = "10" + superscript(exponent)
      return abs(mantissa - 1) < 1e-6 ? power : "\(decimals(mantissa, 2))·\(power)"
    }
    if size >= 1e4 && abs(value / 1000 - (value / 1000).rounded()) < 1e-6 { return "\(Int((value / 1000).rounded()))k" }
    let digits = step > 0 ? max(0, -Int((Glibc.log10(step) + 1e-9).rounded(.down))) : 6
    return decimals(value, min(digits, 8))
  }

  /// Without trailing zeros.
  static func decimals(_ value: Double, _ digits: Int) -> String {
    var text = printed(value, digits)
    if text.contains(".") {
      while text.hasSuffix("0") { text.removeLast() }
      if text.hasSuffix(".") { text.removeLast() }
    }
    return text.replacing("-", with: "−")
  }

  private static func superscript(_ number: Int) -> String {
    let digits = Array("⁰¹²³⁴⁵⁶⁷⁸⁹")
    return (number < 0 ? "⁻" : "") + String(String(abs(number)).map { digits[$0.wholeNumberValue!] })
  }
}
