import Flameback

/// The tensor numbers of the fill formula.
enum Numbers {
  static let input: UInt32 = 1000
  static let gradient: UInt32 = 2000
  static let check: UInt32 = 3000
  static let crop: UInt32 = 4000
}

/// The 32-bit hash of element `i` of tensor number `t`.
@inline(__always)
func hash(_ t: UInt32, _ i: Int) -> UInt32 {
  var x = (UInt32(truncatingIfNeeded: i) &+ 1) &* 0x9E37_79B1 &+ t &* 0x85EB_CA77
  x = (x ^ (x >> 16)) &* 0x7FEB_352D
  x = (x ^ (x >> 15)) &* 0x846C_A68B
  return x ^ (x >> 16)
}

@inline(__always)
func unitValue(_ t: UInt32, _ i: Int) -> Float { Float(Int(hash(t, i) >> 8) - 8_388_608) / 8_388_608 }

/// Values in [-1, 1).
func unit(_ t: UInt32, _ shape: [Int], dtype: DType = .float32) -> Tensor {
  Tensor((0..<shape.reduce(1, *)).map { unitValue(t, $0) }, shape: Shape(shape)).to(dtype)
}

func integers(_ t: UInt32, _ shape: [Int], _ n: Int) -> Tensor {
  Tensor((0..<shape.reduce(1, *)).map { Int(hash(t, $0)) % n }, shape: Shape(shape))
}

/// A number in which order, sign and size of all elements count.
func checksum(_ y: Tensor) -> Double {
  let values = y.detached().to(.float64).scalars(Double.self)
  var total = 0.0
  for (i, v) in values.enumerated() {
    total += (2 * abs(v) + v) * (2 + Double(unitValue(Numbers.check, i)))
  }
  return total / Double(values.count)
}

extension Tensor {
  /// The same values, 4-dimensional ones laid out NHWC in memory.
  func laidOut(channelsLast: Bool) -> Tensor {
    channelsLast && rank == 4 ? permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]) : self
  }
}
