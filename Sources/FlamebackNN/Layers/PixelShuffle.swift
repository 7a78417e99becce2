import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Channels become a finer image. SeeAlso: torch.nn.PixelShuffle
public final class PixelShuffle: Module, UnaryLayer {
  public let upscaleFactor: Int
  public init(_ upscaleFactor: Int) { self.upscaleFactor = upscaleFactor }
  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.pixelShuffle(upscaleFactor) } }
  public override var extraRepr: String { "upscale_factor=\(upscaleFactor)" }
}

/// Neighbouring pixels become channels. SeeAlso: torch.nn.PixelUnshuffle
public final class PixelUnshuffle: Module, UnaryLayer {
  public let downscaleFactor: Int
  public init(_ downscaleFactor: Int) { self.downscaleFactor = downscaleFactor }
  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.pixelUnshuffle(downscaleFactor) } }
  public override var extraRepr: String { "downscale_factor=\(downscaleFactor)" }
}

/// Mixes groups of channels. SeeAlso: torch.nn.ChannelShuffle
public final class ChannelShuffle: Module, UnaryLayer {
  public let groups: Int
  public init(_ groups: Int) { self.groups = groups }
  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.channelShuffle(groups) } }
  public override var extraRepr: String { "groups=\(groups)" }
}
