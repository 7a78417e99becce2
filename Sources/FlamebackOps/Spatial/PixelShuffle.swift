import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// Channels spread over space: [..., c · r², h, w] → [..., c, h · r, w · r]. SeeAlso: torch.nn.functional.pixel_shuffle
  public func pixelShuffle(_ upscaleFactor: Int) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let r = upscaleFactor
      guard rank >= 3, r > 0 else {
        throw OpError("pixelShuffle", "expected at least 3 dimensions and a positive factor, got \(spec) and \(r)")
      }
      let (c, h, w) = (shape[rank - 3], shape[rank - 2], shape[rank - 1])
      let square = try sized("pixelShuffle") { CheckedInt(r) * r }
      guard c % square == 0 else {
        throw OpError("pixelShuffle", "\(c) channels are not divisible by \(r)²: \(spec)")
      }
      let lead = Array(shape.dropLast(3))
      let n = lead.count
      let order = Array(0..<n) + [n, n + 3, n + 1, n + 4, n + 2]
      let (height, width) = (
        try sized("pixelShuffle") { CheckedInt(h) * r }, try sized("pixelShuffle") { CheckedInt(w) * r }
      )
      return reshape(lead + [c / square, r, r, h, w]).permute(order).reshape(lead + [c / square, height, width])
    }
  }

  /// Undoes `pixelShuffle`: [..., c, h · r, w · r] → [..., c · r², h, w]. SeeAlso: torch.nn.functional.pixel_unshuffle
  public func pixelUnshuffle(_ downscaleFactor: Int) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let r = downscaleFactor
      guard rank >= 3, r > 0 else {
        throw OpError("pixelUnshuffle", "expected at least 3 dimensions and a positive factor, got \(spec) and \(r)")
      }
      let (c, h, w) = (shape[rank - 3], shape[rank - 2], shape[rank - 1])
      guard h % r == 0, w % r == 0 else {
        throw OpError("pixelUnshuffle", "height and width are not divisible by \(r): \(spec)")
      }
      let lead = Array(shape.dropLast(3))
      let n = lead.count
      let order = Array(0..<n) + [n, n + 2, n + 4, n + 1, n + 3]
      let channels = try sized("pixelUnshuffle") { CheckedInt(c) * r * r }
      return reshape(lead + [c, h / r, r, w / r, r]).permute(order).reshape(lead + [channels, h / r, w / r])
    }
  }

  /// The channels (dimension 1) dealt out anew: those of all groups interleaved.
  /// SeeAlso: torch.nn.functional.channel_shuffle
  public func channelShuffle(_ groups: Int) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard rank >= 3, groups > 0, shape[1] % groups == 0 else {
        throw OpError("channelShuffle", "\(groups) groups do not divide dimension 1 of at least 3: \(spec)")
      }
      let rest = Array(shape.dropFirst(2))
      return reshape([shape[0], groups, shape[1] / groups] + rest).transpose(1, 2).reshape(shape)
    }
  }
}
