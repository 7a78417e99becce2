import FlamebackKernels

/// The common format of a tensor's numbers, chosen as PyTorch chooses it: integers without digits after the point,
/// scientific where the numbers differ by a factor of more than 1000, exceed 1e8 or fall below 1e-4.
struct NumberFormat {
  let options: PrintOptions
  let isFloating: Bool
  private(set) var isIntegral = true
  private(set) var isScientific = false
  private(set) var width = 1

  init(_ values: [Double], _ options: PrintOptions) {
    self.options = options
    isFloating = true
    let shown = values.filter { $0.isFinite && $0 != 0 }
    guard let least = shown.lazy.map(\.magnitude).min(), let most = shown.lazy.map(\.magnitude).max() else { return }
    isIntegral = shown.allSatisfy { $0 == $0.rounded(.up) }
    isScientific = options.sciMode ?? (most / least > 1000 || most > 1e8 || least < 1e-4)
    for value in shown {
      let length =
        isScientific
        ? printed(value, options.precision, scientific: true).utf8.count
        : isIntegral ? printed(value, 0).utf8.count + 1 : printed(value, options.precision).utf8.count
      width = max(width, length)
    }
  }

  /// Integers and truth values are words already.
  init(_ words: [String], _ options: PrintOptions) {
    self.options = options
    isFloating = false
    width = words.map(\.utf8.count).max() ?? 1
  }

  func callAsFunction(_ value: Double) -> String {
    if isScientific { return padded(printed(value, options.precision, scientific: true)) }
    if isIntegral { return padded(printed(value, 0) + (value.isFinite ? "." : "")) }
    return padded(printed(value, options.precision))
  }

  func padded(_ word: String) -> String { word.aligned(right: width) }
}
