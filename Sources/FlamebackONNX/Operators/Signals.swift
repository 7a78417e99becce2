import Flameback
import FlamebackCore
import Glibc

extension Operator {
  static let signals: [String: Operator] = [
    "DFT": .one([1, 2]) { call in
      let x = try call(0)
      try call.require(x.rank >= 2, "needs [..., signal, 1 or 2], got \(x.spec)")
      let given = call.opset >= 20 ? try call.number(2)?.int ?? -2 : try call.int("axis", 1)
      let axis = try call.axis(given, rank: x.rank)
      try call.require(axis < x.rank - 1, "axis \(given) is that of the parts")
      let length = try call.number(1)?.int ?? x.shape[axis]
      try call.require(length > 0 && length < 1 << 40, "a length of \(length)")
      try call.shape(x.shape.array + [length, 2])
      return try transform(
        call, x, axis, length, inverse: call.bool("inverse"), oneSided: call.bool("onesided"))
    },
    "STFT": .one([1, 3]) { call in
      let x = try call(0)
      guard x.rank >= 2, let step = try call.number(1)?.int, step > 0 else {
        throw call.error("needs a signal and a step")
      }
      let signal = x.rank == 2 ? x.unsqueeze(-1) : x
      guard let length = try call.number(3)?.int ?? call.optional(2)?.elementCount, length > 0,
        length <= signal.shape[1]
      else { throw call.error("needs a frame length that fits \(x.spec)") }
      var frames = signal.unfold(dim: 1, size: length, step: step).transpose(2, 3)  // [batch, frames, length, parts]
      if let window = call.optional(2) {
        try call.require(window.elementCount == length, "window \(window.spec) is not \(length) long")
        frames = frames * window.reshape([length, 1])
      }
      return try transform(call, frames, 2, length, inverse: false, oneSided: call.bool("onesided", true))
    },
    "HannWindow": .one([0]) { try window($0, [0.5, 0.5]) },
    "HammingWindow": .one([0]) { try window($0, [25.0 / 46, 21.0 / 46]) },
    "BlackmanWindow": .one([0]) { try window($0, [0.42, 0.5, 0.08]) },
    "MelWeightMatrix": .one([0, 1, 2, 3, 4]) { call in
      guard let bins = try call.number(0)?.int, let length = try call.number(1)?.int,
        let rate = try call.number(2)?.int,
        let low = try call.number(3)?.double, let high = try call.number(4)?.double, bins > 0, length > 0, rate > 0
      else { throw call.error("needs bins, length, rate and two frequencies") }
      try call.require(length < 1 << 32 && bins < 1 << 32, "\(bins) bins of \(length)")
      let spectrum = length / 2 + 1
      try call.shape([spectrum, bins], .float64)
      func mel(_ f: Double) -> Double { 2595 * log10(1 + f / 700) }
      let step = (mel(high) - mel(low)) / Double(bins + 2)
      let edges: [Int] = (0..<(bins + 2)).map { i in
        let frequency = 700 * (pow(10, (Double(i) * step + mel(low)) / 2595) - 1)
        let edge = (Double(length + 1) * frequency / Double(rate)).rounded(.down)
        return edge.isFinite ? Int(min(max(edge, 0), Double(spectrum))) : 0
      }
      var matrix = [Double](repeating: 0, count: spectrum * bins)
      for i in 0..<bins {
        let (lower, center, upper) = (edges[i], edges[i + 1], edges[i + 2])
        if lower == center {
          if center < spectrum { matrix[center * bins + i] = 1 }
        } else {
          for j in lower..<max(lower, min(center + 1, spectrum)) {
            matrix[j * bins + i] = Double(j - lower) / Double(center - lower)
          }
        }
        if upper > center {
          for j in center..<min(upper, spectrum) { matrix[j * bins + i] = Double(upper - j) / Double(upper - center) }
        }
      }
      let dtype = try call.int("output_datatype").map { try call.dtype($0) } ?? .float32
      return Tensor(matrix, shape: [spectrum, bins]).to(dtype)
    },
  ]

  /// The Fourier transform along `axis` of numbers whose parts lie in the last dimension.
  private static func transform(
    _ call: Call, _ x: Tensor, _ axis: Int, _ length: Int, inverse: Bool, oneSided: Bool
  ) throws -> Tensor {
    let parts = x.shape[x.rank - 1]
    try call.require(parts == 1 || parts == 2, "the last dimension of \(x.spec) must be 1 or 2")
    let real = x.select(dim: -1, index: 0)
    let imaginary = parts == 2 ? x.select(dim: -1, index: 1) : Tensor.zerosLike(real)
    let number = Tensor.complex(real.to(x.dtype.accumulation), imaginary.to(x.dtype.accumulation))
    let result = inverse ? number.ifft(n: length, dim: axis) : number.fft(n: length, dim: axis)
    let kept = oneSided ? result.narrow(dim: axis, start: 0, length: length / 2 + 1) : result
    return kept.viewAsReal().to(x.dtype)
  }

  /// A sum of cosines with falling signs.
  private static func window(_ call: Call, _ weights: [Double]) throws -> Tensor {
    guard let size = try call.number(0)?.int, size >= 0 else { throw call.error("needs a size") }
    try call.shape([size], .float64)
    let dtype = try call.int("output_datatype").map { try call.dtype($0) } ?? .float32
    let count = try call.bool("periodic", true) ? size : size - 1
    let angle = Tensor.arange(size, dtype: .float64) * (2 * Double.pi / Double(max(count, 1)))
    var sum = Tensor.full([size], .float(weights[0]), dtype: .float64)
    for (k, weight) in weights.enumerated().dropFirst() {
      sum = sum + (angle * Double(k)).cos() * (k % 2 == 1 ? -weight : weight)
    }
    return sum.to(dtype)
  }
}
