/// Text on its way through a tokenizer: it remembers where each of its scalars came from.
public struct AlignedText: Sendable {
  /// A stretch of the original text, counted in Unicode scalars.
  public struct Span: Sendable, Equatable {
    public var start: Int32
    public var end: Int32
  }

  public private(set) var scalars: [Unicode.Scalar] = []
  /// For each scalar the stretch of the original that it stands for.
  public private(set) var spans: [Span] = []

  /// Whether the text is the beginning of the original, whatever of it was taken away.
  public private(set) var isBeginning = true

  public init() {}

  public init(_ text: String) {
    scalars = Array(text.unicodeScalars)
    spans = scalars.indices.map { Span(start: Int32(truncatingIfNeeded: $0), end: Int32(truncatingIfNeeded: $0 + 1)) }
  }

  public var count: Int { scalars.count }
  public var isEmpty: Bool { scalars.isEmpty }

  public var string: String {
    var text = ""
    text.unicodeScalars.append(contentsOf: scalars)
    return text
  }

  /// The stretch of the original from the first to the last scalar of `range`.
  public func span(_ range: Range<Int>) -> Range<Int> {
    guard !range.isEmpty else {
      let place = Int(range.lowerBound < count ? spans[range.lowerBound].start : spans.last?.end ?? 0)
      return place..<place
    }
    let start = Int(spans[range.lowerBound].start)
    return start..<max(start, Int(spans[range.upperBound - 1].end))
  }

  public subscript(range: Range<Int>) -> AlignedText {
    var piece = AlignedText()
    piece.scalars = Array(scalars[range])
    piece.spans = Array(spans[range])
    piece.isBeginning = isBeginning && range.lowerBound == 0
    return piece
  }

  public mutating func append(_ scalar: Unicode.Scalar, _ span: Span) {
    scalars.append(scalar)
    spans.append(span)
  }

  /// Puts `text` in front; it stands for what the first scalar stands for.
  public mutating func prepend(_ text: some Collection<Unicode.Scalar>) {
    guard let first = spans.first else { return }
    scalars.insert(contentsOf: text, at: 0)
    spans.insert(contentsOf: repeatElement(first, count: text.count), at: 0)
  }

  /// Replaces each scalar by those that `body` appends for it.
  public mutating func transform(_ body: (Unicode.Scalar, (Unicode.Scalar) -> Void) -> Void) {
    var result = AlignedText()
    result.reserve(count)
    for (scalar, span) in zip(scalars, spans) { body(scalar) { result.append($0, span) } }
    replace(result.scalars, result.spans)
  }

  mutating func replace(_ scalars: [Unicode.Scalar], _ spans: [Span]) {
    self.scalars = scalars
    self.spans = spans
  }

  public mutating func removeAll(where drops: (Unicode.Scalar) -> Bool) {
    guard scalars.contains(where: drops) else { return }
    transform { scalar, keep in if !drops(scalar) { keep(scalar) } }
  }

  mutating func reserve(_ count: Int) {
    scalars.reserveCapacity(count)
    spans.reserveCapacity(count)
  }

  /// The UTF-8 bytes, and for each of them (and the end) the index of its scalar.
  var utf8: (bytes: [UInt8], scalarAt: [Int32]) { Self.utf8(scalars) }

  static func utf8(_ scalars: [Unicode.Scalar]) -> (bytes: [UInt8], scalarAt: [Int32]) {
    var bytes: [UInt8] = []
    var places: [Int32] = []
    bytes.reserveCapacity(scalars.count)
    places.reserveCapacity(scalars.count + 1)
    for (i, scalar) in scalars.enumerated() {
      if scalar.isASCII {
        bytes.append(UInt8(truncatingIfNeeded: scalar.value))
        places.append(Int32(truncatingIfNeeded: i))
      } else {
        for byte in UTF8.encode(scalar)! {
          bytes.append(byte)
          places.append(Int32(truncatingIfNeeded: i))
        }
      }
    }
    places.append(Int32(truncatingIfNeeded: scalars.count))
    return (bytes, places)
  }
}
