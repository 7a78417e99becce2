import CKernels
import FlamebackCore
import FlamebackKernels

/// A factor for each spatial dimension: `2` for all of them, `[2.0, 0.5]` one by one.
public protocol Factors: Sendable {
  var factors: [Double] { get }
}

extension Int: Factors { public var factors: [Double] { [Double(self)] } }
extension Double: Factors { public var factors: [Double] { [self] } }
extension Array: Factors where Element == Double { public var factors: [Double] { self } }

/// How values between the given ones are found.
public enum InterpolationMode: String, Sendable {
  case nearest
  /// As other libraries round.
  case nearestExact = "nearest-exact"
  /// 1, 2 and 3 spatial dimensions; one and the same thing.
  case linear, bilinear, trilinear
  /// 2 spatial dimensions.
  case bicubic
  /// Means of windows.
  case area
}

/// Every plane at another resolution.
package struct InterpolationMap: PlaneMap {
  package static let name = "interpolate"
  package let mode: InterpolationMode
  package let input: [Int]
  package let output: [Int]
  /// The factors that coordinates are computed with; nil or 0: the quotient of the sizes.
  package let scale: [Double]?
  package let alignCorners: Bool
  package let antialias: Bool

  package var attributes: [(String, String)] {
    [
      ("mode", mode.rawValue), ("size", "\(output)"), ("alignCorners", "\(alignCorners)"),
      ("antialias", "\(antialias)"),
    ]
  }

  private var isNearest: Bool { mode == .nearest || mode == .nearestExact }

  package func refusal(_ dtype: DType) -> String? {
    isNearest || dtype.isFloatingPoint || dtype == .uint8
      ? nil : "\(mode.rawValue) needs floating point numbers or uint8"
  }

  private func description(_ dtype: fb_dtype) -> fb_interpolation {
    let code =
      switch mode {
      case .nearest: FB_INTERPOLATE_NEAREST
      case .nearestExact: FB_INTERPOLATE_NEAREST_EXACT
      case .bicubic: FB_INTERPOLATE_CUBIC
      default: FB_INTERPOLATE_LINEAR
      }
    let factors = Array(repeating: 0.0, count: 3 - input.count) + (scale ?? input.map { _ in 0 })
    return fb_interpolation(
      dtype: dtype, mode: Int32(code), align_corners: alignCorners, antialias: antialias, input: triple(input),
      output: triple(output), scale: (factors[0], factors[1], factors[2]))
  }

  package func run(
    _ dtype: fb_dtype, _ x: UnsafeMutableRawPointer, _ y: UnsafeMutableRawPointer, _ begin: Int64, _ end: Int64
  ) {
    var arguments = description(dtype)
    fb_interpolate(&arguments, x, y, begin, end)
  }

  package func runTransposed(
    _ dtype: fb_dtype, _ dy: UnsafeMutableRawPointer, _ dx: UnsafeMutableRawPointer, _ begin: Int64, _ end: Int64
  ) {
    var arguments = description(dtype)
    fb_interpolate_backward(&arguments, dy, dx, begin, end)
  }
}

extension Tensor {
  /// [batch, channels, spatial...] at another resolution: either `size` or `scaleFactor`.
  ///
  /// A scale factor is used for the coordinates too unless `recomputeScaleFactor` asks for the quotient of the sizes.
  /// `alignCorners` places the corner elements of input and output on each other. SeeAlso: torch.nn.functional.interpolate
  public func interpolate(
    size: (any Sizes)? = nil, scaleFactor: (any Factors)? = nil, mode: InterpolationMode = .nearest,
    alignCorners: Bool? = nil, recomputeScaleFactor: Bool = false, antialias: Bool = false
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let op = "interpolate"
      guard (3...5).contains(rank) else { throw OpError(op, "expected a 3-d, 4-d or 5-d input, got \(spec)") }
      let n = rank - 2
      switch mode {
      case .nearest, .nearestExact, .area:
        guard alignCorners == nil else { throw OpError(op, "\(mode.rawValue) does not take alignCorners") }
      case .linear, .bilinear, .trilinear:
        let dimensions = mode == .linear ? 1 : mode == .bilinear ? 2 : 3
        guard n == dimensions else {
          throw OpError(op, "\(mode.rawValue) needs a \(dimensions + 2)-d input, got \(spec)")
        }
      case .bicubic:
        guard n == 2 else { throw OpError(op, "bicubic needs a 4-d input, got \(spec)") }
      }
      guard !antialias || mode == .bilinear || mode == .bicubic else {
        throw OpError(op, "antialias is for bilinear and bicubic only")
      }
      let input = Array(shape.dropFirst(2))
      let output: [Int]
      var scale: [Double]?
      switch (size, scaleFactor) {
      case (let size?, nil):
        guard !recomputeScaleFactor else { throw OpError(op, "recomputeScaleFactor has no meaning with a size") }
        output = try size.spread("size", n, op: op)
      case (nil, let factor?):
        let given = factor.factors
        guard given.count == 1 || given.count == n else {
          throw OpError(op, "scaleFactor must be one number or \(n), got \(given)")
        }
        let factors = given.count == n ? given : Array(repeating: given[0], count: n)
        let exact = (0..<n).map { Double(input[$0]) * factors[$0] }
        guard exact.allSatisfy({ $0 >= 0 && $0 < 0x1p40 }) else {
          throw OpError(op, "scaleFactor \(given) is out of range")
        }
        output = exact.map { Int($0) }
        scale = recomputeScaleFactor ? nil : factors
      default: throw OpError(op, "exactly one of size and scaleFactor must be given")
      }
      guard input.allSatisfy({ $0 > 0 }), mode == .area || output.allSatisfy({ $0 > 0 }) else {
        throw OpError(op, "input and output sizes must be positive: \(spec) to \(output)")
      }
      if mode == .nearest, n == 2, let factors = scale {
        // In two dimensions PyTorch keeps and doubles sizes exactly, whatever the factor.
        scale = (0..<n).map { output[$0] == input[$0] || output[$0] == 2 * input[$0] ? 0 : factors[$0] }
      }
      if mode == .area { return adaptiveAvgPool(n, output) }
      let map = InterpolationMap(
        mode: mode, input: input, output: output, scale: scale, alignCorners: alignCorners ?? false,
        antialias: antialias)
      return apply(Primitives.Planewise(map: map), self)
    }
  }

  /// `interpolate` under its old name. SeeAlso: torch.nn.functional.upsample
  public func upsample(
    size: (any Sizes)? = nil, scaleFactor: (any Factors)? = nil, mode: InterpolationMode = .nearest,
    alignCorners: Bool? = nil
  ) -> Tensor { interpolate(size: size, scaleFactor: scaleFactor, mode: mode, alignCorners: alignCorners) }

  /// SeeAlso: torch.nn.functional.upsample_nearest
  public func upsampleNearest(size: (any Sizes)? = nil, scaleFactor: (any Factors)? = nil) -> Tensor {
    interpolate(size: size, scaleFactor: scaleFactor)
  }

  /// Bilinear with aligned corners. SeeAlso: torch.nn.functional.upsample_bilinear
  public func upsampleBilinear(size: (any Sizes)? = nil, scaleFactor: (any Factors)? = nil) -> Tensor {
    interpolate(size: size, scaleFactor: scaleFactor, mode: .bilinear, alignCorners: true)
  }
}
