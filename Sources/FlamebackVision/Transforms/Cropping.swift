import Flameback

/// What `padImage` puts around an image.
public enum ImagePadMode: String, Sendable {
  /// One colour.
  case constant
  /// The border, repeated.
  case edge
  /// The image mirrored, its border once.
  case reflect
  /// The image mirrored, its border twice.
  case symmetric
}

extension Tensor {
  /// The image mirrored left to right. SeeAlso: torchvision.transforms.v2.functional.horizontal_flip
  public func horizontalFlip() -> Tensor { flip(-1) }

  /// The image mirrored top to bottom. SeeAlso: torchvision.transforms.v2.functional.vertical_flip
  public func verticalFlip() -> Tensor { flip(-2) }

  /// A part of the image; what lies outside is 0. SeeAlso: torchvision.transforms.v2.functional.crop
  public func crop(top: Int, left: Int, height: Int, width: Int) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try checkImage("crop")
      guard height >= 0, width >= 0 else { throw OpError("crop", "sizes must not be negative: \(height) × \(width)") }
      return constantPad([-left, left + width - self.width, -top, top + height - self.height])
    }
  }

  /// The middle of the image, with zeros around it where it is too small.
  /// SeeAlso: torchvision.transforms.v2.functional.center_crop
  public func centerCrop(_ size: any Sizes) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try checkImage("centerCrop")
      let (height, width) = try Tensor.sides(size, "centerCrop")
      var image = self
      if height > self.height || width > self.width {
        let (dy, dx) = (Swift.max(height - self.height, 0), Swift.max(width - self.width, 0))
        image = constantPad([dx / 2, (dx + 1) / 2, dy / 2, (dy + 1) / 2])
      }
      // Python rounds halves to even.
      let top = Int((Double(image.height - height) / 2).rounded(.toNearestOrEven))
      let left = Int((Double(image.width - width) / 2).rounded(.toNearestOrEven))
      return image.crop(top: top, left: left, height: height, width: width)
    }
  }

  /// A part of the image, resized. SeeAlso: torchvision.transforms.v2.functional.resized_crop
  public func resizedCrop(
    top: Int, left: Int, height: Int, width: Int, size: any Sizes, interpolation: InterpolationMode = .bilinear,
    antialias: Bool = true
  ) -> Tensor {
    crop(top: top, left: left, height: height, width: width).resize(
      size, interpolation: interpolation, antialias: antialias)
  }

  /// The four corners and the middle. SeeAlso: torchvision.transforms.v2.functional.five_crop
  public func fiveCrop(_ size: any Sizes) -> [Tensor] {
    attempt(like: self, count: 5) { () throws(OpError) in
      try checkImage("fiveCrop")
      let (h, w) = try Tensor.sides(size, "fiveCrop")
      guard h <= height, w <= width else { throw OpError("fiveCrop", "the crop \(h) × \(w) is larger than \(spec)") }
      let corners = [(0, 0), (0, width - w), (height - h, 0), (height - h, width - w)]
      return corners.map { crop(top: $0.0, left: $0.1, height: h, width: w) } + [centerCrop([h, w])]
    }
  }

  /// `fiveCrop` of the image and of its mirror image. SeeAlso: torchvision.transforms.v2.functional.ten_crop
  public func tenCrop(_ size: any Sizes, verticalFlip: Bool = false) -> [Tensor] {
    fiveCrop(size) + (verticalFlip ? self.verticalFlip() : horizontalFlip()).fiveCrop(size)
  }

  /// Something around the image: `padding` is one number, [horizontal, vertical] or [left, top, right, bottom]; `fill` a
  /// grey or a colour. SeeAlso: torchvision.transforms.v2.functional.pad
  public func padImage(_ padding: any Sizes, fill: [Double] = [0], mode: ImagePadMode = .constant) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let op = "padImage"
      try checkImage(op)
      let given = padding.sizes
      guard [1, 2, 4].contains(given.count) else {
        throw OpError(op, "padding must be 1, 2 or 4 ints, got \(given)")
      }
      let n = given.count
      let around = [given[0], given[n == 4 ? 2 : 0], given[n == 1 ? 0 : 1], given[n == 1 ? 0 : n == 2 ? 1 : 3]]
      switch mode {
      case .constant:
        if fill.count == 1 { return constantPad(around, value: .float(fill[0])) }
        guard fill.count == channelCount else { throw OpError(op, "\(fill.count) fill values do not fit \(spec)") }
        let inside = Tensor.onesLike(self[.ellipsis, 0..<1, .all, .all], dtype: .bool).constantPad(around)
        let colour = Tensor(fill).to(dtype).to(device).reshape(-1, 1, 1)
        return FlamebackOps.select(where: inside, constantPad(around), colour)
      case .edge, .reflect:
        let padded = asBatch.pad(around, mode: mode == .edge ? .replicate : .reflect)
        return padded.reshape(shape.array.dropLast(2) + padded.shape.array.suffix(2))
      case .symmetric:
        guard around[0] <= width, around[1] <= width, around[2] <= height, around[3] <= height else {
          throw OpError(op, "symmetric padding \(around) is larger than \(spec)")
        }
        func mirrored(_ count: Int, _ before: Int, _ after: Int) -> Tensor {
          let start = Swift.max(-before, 0)
          let end = count - Swift.max(-after, 0)
          let inner = Array(start..<Swift.max(start, end))
          let front = inner.prefix(Swift.max(before, 0)).reversed()
          let back = inner.suffix(Swift.max(after, 0)).reversed()
          return Tensor(front + inner + back, device: device)
        }
        return indexSelect(dim: -1, index: mirrored(width, around[0], around[1]))
          .indexSelect(dim: -2, index: mirrored(height, around[2], around[3]))
      }
    }
  }

  /// The image with a rectangle replaced. SeeAlso: torchvision.transforms.v2.functional.erase
  public func erase(top: Int, left: Int, height: Int, width: Int, value: Tensor) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try checkImage("erase")
      var image = self
      image[.ellipsis, IndexItem.slice(top, top + height), IndexItem.slice(left, left + width)] = value
      return image
    }
  }
}
