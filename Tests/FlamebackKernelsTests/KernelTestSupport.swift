import CKernels
import FlamebackKernels

/// Small reproducible numbers: multiples of 1/8 between -4 and 4, exact in every float type.
struct Numbers {
  private var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func next() -> Double {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Double(Int(state >> 58) - 32) / 8
  }
  mutating func doubles(_ count: Int) -> [Double] { (0..<count).map { _ in next() } }
  mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float(next()) } }
}

func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

func isClose(_ a: [Double], _ b: [Double], tolerance: Double = 1e-9) -> Bool {
  a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance * max(1, abs($1)) }
}

/// The number of a dtype in CKernels.
func code(_ dtype: DType) -> Int { Int(dtype.rawValue) }
