/// What a classifier takes for what: a row for each true class, a column for each predicted one.
///
/// SeeAlso: sklearn.metrics.ConfusionMatrixDisplay
public struct ConfusionPlot: Plot {
  public var title: String
  public var labels: [String]
  /// `counts[truth][prediction]`
  public private(set) var counts: [[Int]]

  /// Of counts made elsewhere; without them all are 0. What does not fit the labels is left out.
  public init(labels: [String], counts: [[Int]] = [], title: String = "Confusion matrix") {
    self.title = title
    self.labels = labels
    self.counts = labels.indices.map { t in
      labels.indices.map { p in counts.indices.contains(t) && counts[t].indices.contains(p) ? counts[t][p] : 0 }
    }
  }

  /// Counts one sample; classes outside the labels are ignored.
  public mutating func add(truth: Int, prediction: Int) {
    guard labels.indices.contains(truth), labels.indices.contains(prediction) else { return }
    counts[truth][prediction] += 1
  }

  public var total: Int { counts.reduce(0) { $0 + $1.reduce(0, +) } }

  /// The share of samples on the diagonal; 0 without samples.
  public var accuracy: Double {
    total == 0 ? 0 : Double(counts.indices.reduce(0) { $0 + counts[$1][$1] }) / Double(total)
  }

  /// The share of a class's samples that were recognised. SeeAlso: sklearn.metrics.recall_score
  public func recall(_ truth: Int) -> Double { share(counts[truth][truth], counts[truth].reduce(0, +)) }

  /// The share of a class's predictions that were right. SeeAlso: sklearn.metrics.precision_score
  public func precision(_ prediction: Int) -> Double {
    share(counts[prediction][prediction], counts.reduce(0) { $0 + $1[prediction] })
  }

  private func share(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }

  private var cell: Double { min(46, max(5, 640 / Double(max(labels.count, 1)))) }
  private var labelSize: Double { min(12, cell * 0.8) }
  private var labelWidth: Double { labels.map { SVG.width($0, size: labelSize) }.max() ?? 0 }
  private var turnsLabels: Bool { labels.contains { SVG.width($0, size: labelSize) > cell - 4 } }
  private var left: Double { labelWidth + 54 }
  private var top: Double { 66 }
  private var side: Double { cell * Double(labels.count) }
  private var hasNumbers: Bool { cell >= 18 }

  public var width: Double { max(left + side + (hasNumbers ? 82 : 30), left + 260) }
  public var height: Double {
    top + side + (turnsLabels ? labelWidth * 0.75 + 24 : 22) + 34
  }

  public var svg: String {
    var svg = SVG()
    svg.text(title, left, 28, size: 16, bold: true)
    let correct = counts.indices.reduce(0) { $0 + counts[$1][$1] }
    svg.text(
      "\(Axis.decimals(accuracy * 100, 2)) % of \(total) right (\(total - correct) wrong)", left, 48, size: 12,
      color: SVG.quiet)
    for row in labels.indices {
      let sum = counts[row].reduce(0, +)
      let y = top + Double(row) * cell
      svg.text(labels[row], left - 10, y + cell / 2 + labelSize * 0.35, size: labelSize, anchor: .end)
      for column in labels.indices {
        let count = counts[row][column]
        // The shade is the share of the row; its root lets rare errors be seen.
        let shade = sum == 0 ? 0 : (Double(count) / Double(sum)).squareRoot()
        let x = left + Double(column) * cell
        svg.rect(
          x + 0.5, y + 0.5, cell - 1, cell - 1, fill: color(shade, isRight: row == column), radius: cell > 20 ? 3 : 0)
        if hasNumbers && count > 0 {
          let text = count < 100_000 ? String(count) : "\(count / 1000)k"
          let size = min(13, cell * 1.5 / Double(max(text.count, 3)))
          svg.text(
            text, x + cell / 2, y + cell / 2 + size * 0.35, size: size, color: shade > 0.55 ? "#ffffff" : SVG.ink,
            anchor: .middle)
        }
      }
      if hasNumbers && sum > 0 {
        svg.text(
          "\(Axis.decimals(recall(row) * 100, 1)) %", left + side + 10, y + cell / 2 + 4, size: 11, color: SVG.quiet)
      }
    }
    for column in labels.indices {
      let x = left + (Double(column) + 0.5) * cell
      if turnsLabels {
        svg.text(labels[column], x + labelSize * 0.35, top + side + 14, size: labelSize, anchor: .end, turned: -45)
      } else {
        svg.text(labels[column], x, top + side + 18, size: labelSize, anchor: .middle)
      }
    }
    if hasNumbers { svg.text("recall", left + side + 10, top - 8, size: 11, color: SVG.quiet) }
    svg.text("predicted", left + side / 2, height - 12, size: 13, anchor: .middle)
    svg.text("true", 20, top + side / 2, size: 13, anchor: .middle, turned: -90)
    return svg.document(width: width, height: height)
  }

  /// White to blue on the diagonal, white to orange beside it.
  private func color(_ shade: Double, isRight: Bool) -> String {
    let full: [Double] = isRight ? [0, 90, 158] : [200, 80, 0]
    let pale: [Double] = [244, 246, 248]
    let mix = zip(pale, full).map { Int(($0 + ($1 - $0) * shade).rounded()) }
    return "#" + mix.map { String($0, radix: 16).aligned(right: 2, filledWith: "0") }.joined()
  }
}
