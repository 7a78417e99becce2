/// A picture that can be written as SVG.
public protocol Plot: Sendable {
  var width: Double { get }
  var height: Double { get }
  /// The whole picture.
  var svg: String { get }
}

extension Plot {
  /// Writes the picture atomically. SeeAlso: matplotlib.pyplot.savefig
  public func save(_ path: String) throws(FileError) { try AtomicFile.write(Array(svg.utf8), to: path) }
}

/// Lines over a common axis: learning curves. SeeAlso: matplotlib.pyplot.plot
public struct LineChart: Plot {
  public struct Series: Sendable {
    public var name: String
    public var points: [(x: Double, y: Double)]
    public var isDashed: Bool
    /// 0 … 1: the weight of the past in a moving average that is drawn over the pale line of the points.
    public var smoothing: Double

    public init(_ name: String, _ points: [(x: Double, y: Double)], isDashed: Bool = false, smoothing: Double = 0) {
      self.name = name
      self.points = points
      self.isDashed = isDashed
      self.smoothing = smoothing
    }

    /// Values at 1, 2, 3, …: one an epoch.
    public init(_ name: String, _ values: [Double], isDashed: Bool = false, smoothing: Double = 0) {
      let points = values.enumerated().map { (x: Double($0.offset + 1), y: $0.element) }
      self.init(name, points, isDashed: isDashed, smoothing: smoothing)
    }
  }

  public var title: String
  public var xLabel: String
  public var yLabel: String
  public var series: [Series]
  public var xScale: AxisScale
  public var yScale: AxisScale
  /// The range of the vertical axis; from the data if nil.
  public var yRange: ClosedRange<Double>?
  public var width: Double
  public var height: Double

  public init(
    title: String = "", xLabel: String = "", yLabel: String = "", series: [Series], xScale: AxisScale = .linear,
    yScale: AxisScale = .linear, yRange: ClosedRange<Double>? = nil, width: Double = 640, height: Double = 400
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.series = series
    self.xScale = xScale
    self.yScale = yScale
    self.yRange = yRange
    self.width = width
    self.height = height
  }

  public var svg: String { drawing.document(width: width, height: height) }

  var drawing: SVG {
    var svg = SVG()
    let xAxis = Axis(series.lazy.flatMap { $0.points.lazy.map(\.x) }, scale: xScale, count: Int(width / 90))
    let yAxis = Axis(
      series.lazy.flatMap { $0.points.lazy.map(\.y) }, scale: yScale, count: Int(height / 60), fixed: yRange)
    let labelWidth = yAxis.ticks.map { SVG.width($0.label, size: 12) }.max() ?? 0
    let left = labelWidth + (yLabel.isEmpty ? 20 : 42)
    let legend = legendRows(available: width - left - 24)
    let top = (title.isEmpty ? 18 : 46) + Double(legend.count) * 20
    let right = width - 24
    let bottom = height - (xLabel.isEmpty ? 32 : 52)
    func x(_ value: Double) -> Double { left + xAxis.place(value) * (right - left) }
    func y(_ value: Double) -> Double { bottom - yAxis.place(value) * (bottom - top) }

    for value in yAxis.minor { svg.line(left, y(value), right, y(value), SVG.grid, width: 0.4) }
    for tick in yAxis.ticks {
      svg.line(left, y(tick.value), right, y(tick.value), SVG.grid)
      svg.text(tick.label, left - 8, y(tick.value) + 4, color: SVG.quiet, anchor: .end)
    }
    for tick in xAxis.ticks {
      svg.line(x(tick.value), top, x(tick.value), bottom, SVG.grid, width: 0.6)
      svg.line(x(tick.value), bottom, x(tick.value), bottom + 5, SVG.quiet)
      svg.text(tick.label, x(tick.value), bottom + 20, color: SVG.quiet, anchor: .middle)
    }
    svg.line(left, bottom, right, bottom, SVG.quiet)
    if !title.isEmpty { svg.text(title, left, 28, size: 16, bold: true) }
    if !xLabel.isEmpty { svg.text(xLabel, (left + right) / 2, height - 12, size: 13, anchor: .middle) }
    if !yLabel.isEmpty { svg.text(yLabel, 18, (top + bottom) / 2, size: 13, anchor: .middle, turned: -90) }

    for (i, one) in series.enumerated() {
      let color = SVG.palette[i % SVG.palette.count]
      let raw = LineChart.thinned(one.points, to: 1200).map { (x: x($0.x), y: y($0.y)) }
      if one.smoothing > 0 {
        svg.path(raw, color, width: 1, opacity: 0.25)
        let smooth = LineChart.thinned(LineChart.smoothed(one), to: 1200).map { (x: x($0.x), y: y($0.y)) }
        svg.path(smooth, color, width: 2, dashed: one.isDashed)
      } else {
        svg.path(raw, color, width: 2, dashed: one.isDashed)
      }
      if one.points.count <= 30 { for point in raw { svg.dot(point.x, point.y, 2.6, color) } }
    }
    if series.allSatisfy(\.points.isEmpty) {
      svg.text("no data", (left + right) / 2, (top + bottom) / 2, color: SVG.quiet, anchor: .middle)
    }
    for (row, names) in legend.enumerated() {
      var at = left
      let line = (title.isEmpty ? 18 : 50) + Double(row) * 20
      for i in names {
        let color = SVG.palette[i % SVG.palette.count]
        svg.path([(at, line - 4), (at + 18, line - 4)], color, width: 3, dashed: series[i].isDashed)
        svg.text(series[i].name, at + 24, line, color: SVG.ink)
        at += 24 + SVG.width(series[i].name, size: 12) + 20
      }
    }
    return svg
  }

  /// The names of the series in rows that fit.
  private func legendRows(available: Double) -> [[Int]] {
    let named = series.indices.filter { !series[$0].name.isEmpty }
    if named.isEmpty { return [] }
    var rows: [[Int]] = [[]]
    var used = 0.0
    for i in named {
      let need = 44 + SVG.width(series[i].name, size: 12)
      if used + need > available && !rows[rows.count - 1].isEmpty {
        rows.append([])
        used = 0
      }
      rows[rows.count - 1].append(i)
      used += need
    }
    return rows
  }

  /// At most about `count` points, the least and the greatest of every stretch kept: spikes stay visible.
  static func thinned(_ points: [(x: Double, y: Double)], to count: Int) -> [(x: Double, y: Double)] {
    if points.count <= count { return points }
    let stretch = points.count * 2 / count + 1
    var result: [(x: Double, y: Double)] = []
    for start in stride(from: 0, to: points.count, by: stretch) {
      let range = start..<min(start + stretch, points.count)
      if let gap = range.first(where: { !points[$0].y.isFinite }) { result.append(points[gap]) }
      let finite = range.filter { points[$0].y.isFinite }
      guard let low = finite.min(by: { points[$0].y < points[$1].y }),
        let high = finite.max(by: { points[$0].y < points[$1].y })
      else { continue }
      for i in low == high ? [low] : [min(low, high), max(low, high)] { result.append(points[i]) }
    }
    return result
  }

  /// The moving average, without the pull of its first value (as Adam corrects its moments).
  private static func smoothed(_ series: Series) -> [(x: Double, y: Double)] {
    let keep = min(max(series.smoothing, 0), 0.9999)
    var average = 0.0
    var weight = 0.0
    return series.points.map { point in
      guard point.y.isFinite else { return point }
      average = keep * average + (1 - keep) * point.y
      weight = keep * weight + (1 - keep)
      return (point.x, average / weight)
    }
  }
}

/// Charts in a row: loss beside accuracy. SeeAlso: matplotlib.pyplot.subplots
public struct Figure: Plot {
  public var charts: [LineChart]

  public init(_ charts: [LineChart]) { self.charts = charts }

  public var width: Double { charts.reduce(0) { $0 + $1.width } }
  public var height: Double { charts.map(\.height).max() ?? 0 }

  public var svg: String {
    var svg = SVG()
    var at = 0.0
    for chart in charts {
      svg.group(x: at, y: 0, chart.drawing)
      at += chart.width
    }
    return svg.document(width: width, height: height)
  }
}
