import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Resizes sequences, images and volumes. SeeAlso: torch.nn.Upsample
public class Upsample: Module, UnaryLayer {
  public let size: (any Sizes)?
  public let scaleFactor: (any Factors)?
  public let mode: InterpolationMode
  public let alignCorners: Bool?
  public let recomputeScaleFactor: Bool

  /// Either `size` or `scaleFactor`.
  public init(
    size: (any Sizes)? = nil, scaleFactor: (any Factors)? = nil, mode: InterpolationMode = .nearest,
    alignCorners: Bool? = nil, recomputeScaleFactor: Bool = false
  ) {
    self.size = size
    self.scaleFactor = scaleFactor
    self.mode = mode
    self.alignCorners = alignCorners
    self.recomputeScaleFactor = recomputeScaleFactor
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) {
      $0.interpolate(
        size: size, scaleFactor: scaleFactor, mode: mode, alignCorners: alignCorners,
        recomputeScaleFactor: recomputeScaleFactor)
    }
  }

  public override var extraRepr: String {
    let scale = scaleFactor?.factors.map { repr($0) } ?? []
    let text = scale.count == 1 ? scale[0] : "(\(scale.joined(separator: ", ")))"
    return (scale.isEmpty ? "size=\(size.map { repr($0) } ?? "None")" : "scale_factor=\(text)")
      + ", mode='\(mode.rawValue)'"
  }
}

/// Resizes images by repeating pixels. SeeAlso: torch.nn.UpsamplingNearest2d
public final class UpsamplingNearest2d: Upsample {
  public init(size: (any Sizes)? = nil, scaleFactor: (any Factors)? = nil) {
    super.init(size: size, scaleFactor: scaleFactor, mode: .nearest)
  }
}

/// Resizes images linearly, corners kept. SeeAlso: torch.nn.UpsamplingBilinear2d
public final class UpsamplingBilinear2d: Upsample {
  public init(size: (any Sizes)? = nil, scaleFactor: (any Factors)? = nil) {
    super.init(size: size, scaleFactor: scaleFactor, mode: .bilinear, alignCorners: true)
  }
}
