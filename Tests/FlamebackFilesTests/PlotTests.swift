import FlamebackFiles
import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// Every text and every number of a picture; fails if it is no XML.
private final class Picture: NSObject, XMLParserDelegate {
  var texts: [String] = []
  var numbers: [Double] = []
  var paths: [String] = []
  var isWhole = false
  private var current: String?

  init(_ svg: String) {
    super.init()
    let parser = XMLParser(data: Data(svg.utf8))
    parser.delegate = self
    isWhole = parser.parse()
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    for (key, value) in attributes
    where ["x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height"].contains(key) {
      if let number = Double(value) { numbers.append(number) } else if value != "100%" { numbers.append(.nan) }
    }
    if name == "path" { paths.append(attributes["d"] ?? "") }
    if name == "text" { current = "" }
  }

  func parser(_ parser: XMLParser, foundCharacters text: String) { current? += text }

  func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
    if name == "text", let text = current { texts.append(text) }
    if name == "text" { current = nil }
  }
}

@Suite struct PlotTests {
  @Test func aLearningCurve() {
    let chart = LineChart(
      title: "Loss <&\"> \u{1}", xLabel: "epoch", yLabel: "loss",
      series: [.init("train", [2, 1, 0.5, 0.25]), .init("test", [2, 1.5, .nan, 1], isDashed: true)])
    let picture = Picture(chart.svg)
    #expect(picture.isWhole)
    #expect(picture.texts.contains("Loss <&\"> ") && picture.texts.contains("train") && picture.texts.contains("test"))
    for tick in ["0", "0.5", "1", "1.5", "2"] { #expect(picture.texts.contains(tick)) }
    #expect(picture.numbers.allSatisfy { $0 >= 0 && $0 <= 640 })
    // NaN breaks the line in two.
    #expect(picture.paths.contains { $0.filter { $0 == "M" }.count == 2 })
  }

  @Test func aLogarithmicAxis() {
    let chart = LineChart(series: [.init("x", [1e-4, 1, -1, 0, 100])], yScale: .log)
    let picture = Picture(chart.svg)
    #expect(
      picture.isWhole && picture.texts.contains("10⁻⁴") && picture.texts.contains("1") && picture.texts.contains("100"))
  }

  @Test(
    arguments: [
      [], [1], [.nan], [.infinity, -.infinity], [0, 0, 0], [1e300, -1e300], [.leastNonzeroMagnitude],
      [1e-9, 1.0000001e-9],
      [-5, -5.0001],
    ] as [[Double]])
  func oddData(_ values: [Double]) {
    for scale in [AxisScale.linear, .log] {
      for smoothing in [0, 0.9] {
        let chart = LineChart(
          title: "t", series: [.init("x", values, smoothing: smoothing)], xScale: scale, yScale: scale)
        let picture = Picture(chart.svg)
        #expect(picture.isWhole && picture.numbers.allSatisfy { $0.isFinite && abs($0) < 10_000 }, "\(values)")
      }
    }
    #expect(Picture(LineChart(series: []).svg).texts.contains("no data"))
  }

  @Test func longSeriesStaySmall() {
    var values = (0..<1_000_000).map { Double($0 % 100) }
    values[777_777] = 5000  // a spike must stay visible
    let chart = LineChart(series: [.init("x", values)])
    #expect(chart.svg.utf8.count < 60_000)
    #expect(Picture(chart.svg).texts.contains("5000"))
  }

  @Test func chartsInARow() {
    let chart = LineChart(title: "a", series: [.init("x", [1, 2])])
    let figure = Figure([chart, chart])
    #expect(figure.width == 1280 && Picture(figure.svg).texts.filter { $0 == "a" }.count == 2)
  }

  @Test func aConfusionPlot() throws {
    var matrix = ConfusionPlot(labels: ["cat", "dog"])
    for (truth, prediction) in [(0, 0), (0, 0), (0, 1), (1, 1), (7, 1), (0, -1)] {
      matrix.add(truth: truth, prediction: prediction)
    }
    #expect(matrix.counts == [[2, 1], [0, 1]] && matrix.total == 4 && matrix.accuracy == 0.75)
    #expect(matrix.recall(0) == 2.0 / 3 && matrix.precision(1) == 0.5)
    let picture = Picture(matrix.svg)
    #expect(picture.isWhole && picture.texts.contains("75 % of 4 right (1 wrong)") && picture.texts.contains("66.7 %"))
    #expect(Picture(ConfusionPlot(labels: []).svg).isWhole)
    #expect(Picture(ConfusionPlot(labels: (0..<200).map { "class \($0)" }).svg).isWhole)
    try withFolder { folder in
      try matrix.save(folder + "/m.svg")
      let written = try FileBytes(mapping: folder + "/m.svg").array
      #expect(written == Array(matrix.svg.utf8))
    }
  }
}

@Suite struct ProgressBarTests {
  private final class Clock: @unchecked Sendable { var time = 100.0 }  // one thread only

  /// What a bar writes while `body` drives it.
  private func output(
    total: Int?, terminal: Bool, blocks: Bool = true, color: Bool = false,
    _ body: (ProgressBar, (Double) -> Void) -> Void
  ) throws -> String {
    try withFolder { folder in
      let path = folder + "/out"
      let descriptor = open(path, O_WRONLY | O_CREAT, 0o644)
      let clock = Clock()
      let bar = ProgressBar(
        total: total, label: "train", unit: "img", descriptor: descriptor, isTerminal: terminal, usesColor: color,
        usesBlocks: blocks, now: { clock.time })
      body(bar) { clock.time += $0 }
      close(descriptor)
      return String(decoding: try FileBytes(mapping: path).array, as: UTF8.self)
    }
  }

  @Test func plainLinesEveryFewSeconds() throws {
    let text = try output(total: 100, terminal: false) { bar, wait in
      for _ in 0..<99 {
        wait(0.2)
        bar.advance(metrics: [("loss", "0.5")])
      }
      wait(0.2)
      bar.advance()
      bar.finish()
      bar.finish()
    }
    let lines = text.split(separator: "\n")
    #expect(lines.count >= 4 && lines.count <= 5)
    #expect(lines[0] == "train:  25% 25/100 [00:05<00:15, 5.00 img/s, loss=0.5]")
    #expect(lines.last == "train: 100% 100/100 [00:20, 5.00 img/s, loss=0.5]")
    #expect(!text.contains("\r") && !text.contains("\u{1B}"))
  }

  @Test func aTerminalIsRedrawnTenTimesASecondAtMost() throws {
    let text = try output(total: 1000, terminal: true) { bar, wait in
      for _ in 0..<1000 {
        wait(0.001)
        bar.advance()
      }
      bar.finish()
    }
    let frames = text.split(separator: "\r")
    #expect(frames.count >= 9 && frames.count <= 12)
    #expect(frames.last?.hasSuffix("\n") == true && frames.last?.contains("100%|█") == true)
    #expect(frames.allSatisfy { $0.count <= 84 })
    #expect(frames[frames.count / 2].contains("<00:0"))
  }

  @Test func withoutATotal() throws {
    let text = try output(total: nil, terminal: false) { bar, wait in
      wait(6)
      bar.update(3)
      wait(1)
      bar.finish()
    }
    #expect(text.hasPrefix("train: 3 img [00:06, 2.00 s/img]\n"))
    let empty = try output(total: 0, terminal: true, blocks: false, color: true) { bar, _ in bar.finish() }
    #expect(empty.contains("train: 0 img"))
  }

  @Test func coloursOnlyWhereWanted() throws {
    for color in [false, true] {
      let text = try output(total: 4, terminal: true, blocks: false, color: color) { bar, wait in
        wait(1)
        bar.update(2)
      }
      #expect(text.contains("\u{1B}[36m") == color)
      #expect(text.contains("###"))
    }
  }
}
