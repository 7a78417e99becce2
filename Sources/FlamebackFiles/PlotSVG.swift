/// What every plot shares: text, lines and colours of a picture in SVG.
struct SVG {
  private(set) var body = ""

  static let ink = "#1f2933"
  static let quiet = "#66727f"
  static let grid = "#e4e8ec"
  /// Distinguishable with the common kinds of colour blindness (Okabe and Ito's set, darkened for white paper).
  static let palette = ["#0072b2", "#d55e00", "#009e73", "#a64d79", "#b8860b", "#3a9bdc", "#595959", "#7b3fbf"]

  enum Anchor: String { case start, middle, end }

  mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ color: String, width: Double = 1) {
    body += "<line x1=\"\(n(x1))\" y1=\"\(n(y1))\" x2=\"\(n(x2))\" y2=\"\(n(y2))\" stroke=\"\(color)\""
    body += " stroke-width=\"\(n(width))\"/>\n"
  }

  mutating func rect(
    _ x: Double, _ y: Double, _ width: Double, _ height: Double, fill: String, radius: Double = 0, opacity: Double = 1
  ) {
    body += "<rect x=\"\(n(x))\" y=\"\(n(y))\" width=\"\(n(width))\" height=\"\(n(height))\" fill=\"\(fill)\""
    if radius > 0 { body += " rx=\"\(n(radius))\"" }
    if opacity < 1 { body += " fill-opacity=\"\(n(opacity))\"" }
    body += "/>\n"
  }

  mutating func text(
    _ text: String, _ x: Double, _ y: Double, size: Double = 12, color: String = SVG.ink, anchor: Anchor = .start,
    bold: Bool = false, turned: Double = 0
  ) {
    body +=
      "<text x=\"\(n(x))\" y=\"\(n(y))\" font-size=\"\(n(size))\" fill=\"\(color)\" text-anchor=\"\(anchor.rawValue)\""
    if bold { body += " font-weight=\"600\"" }
    if turned != 0 { body += " transform=\"rotate(\(n(turned)) \(n(x)) \(n(y)))\"" }
    body += ">\(SVG.escaped(text))</text>\n"
  }

  /// A line through points; NaN breaks it.
  mutating func path(
    _ points: [(x: Double, y: Double)], _ color: String, width: Double, opacity: Double = 1, dashed: Bool = false
  ) {
    var commands = ""
    var isDrawing = false
    for point in points {
      guard point.x.isFinite && point.y.isFinite else {
        isDrawing = false
        continue
      }
      commands += "\(isDrawing ? "L" : "M")\(n(point.x)) \(n(point.y))"
      isDrawing = true
    }
    if commands.isEmpty { return }
    body += "<path d=\"\(commands)\" fill=\"none\" stroke=\"\(color)\" stroke-width=\"\(n(width))\""
    body += " stroke-linejoin=\"round\" stroke-linecap=\"round\""
    if opacity < 1 { body += " stroke-opacity=\"\(n(opacity))\"" }
    if dashed { body += " stroke-dasharray=\"5 4\"" }
    body += "/>\n"
  }

  mutating func dot(_ x: Double, _ y: Double, _ radius: Double, _ color: String) {
    guard x.isFinite && y.isFinite else { return }
    body += "<circle cx=\"\(n(x))\" cy=\"\(n(y))\" r=\"\(n(radius))\" fill=\"\(color)\"/>\n"
  }

  mutating func group(x: Double, y: Double, _ inner: SVG) {
    body += "<g transform=\"translate(\(n(x)) \(n(y)))\">\n\(inner.body)</g>\n"
  }

  /// The whole document.
  func document(width: Double, height: Double) -> String {
    """
    <svg xmlns="http://www.w3.org/2000/svg" width="\(n(width))" height="\(n(height))" \
    viewBox="0 0 \(n(width)) \(n(height))" font-family="Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif">
    <rect width="100%" height="100%" fill="#ffffff"/>
    \(body)</svg>

    """
  }

  /// The width that `text` takes, about.
  static func width(_ text: String, size: Double) -> Double { Double(text.count) * size * 0.56 }

  static func escaped(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case "\n", "\t": out += " "
      case "\0"..<" ": break  // XML has no control characters
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}

/// A coordinate with two decimals at most.
private func n(_ value: Double) -> String {
  let rounded = (value * 100).rounded() / 100
  return rounded == rounded.rounded() && abs(rounded) < 1e15 ? String(Int(rounded)) : String(rounded)
}
