import Flameback

/// How four numbers describe a box: two corners, corner and size, or centre and size.
public enum BoxFormat: String, Sendable { case xyxy, xywh, cxcywh }

extension Tensor {
  /// The dtype in which areas do not overflow: at least 32 bits.
  var upcast: Tensor {
    if dtype.isFloatingPoint { return dtype == .float64 ? self : to(.float32) }
    return dtype == .int64 ? self : to(.int32)
  }

  /// Whether the tensor holds boxes [..., 4]; reports if not.
  func checkBoxes(_ op: String) throws(OpError) {
    guard rank >= 1, shape[rank - 1] == 4 else { throw OpError(op, "expected boxes [..., 4], got \(spec)") }
  }

  /// Boxes in another format. SeeAlso: torchvision.ops.box_convert
  public func boxConvert(from source: BoxFormat, to target: BoxFormat) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try checkBoxes("boxConvert")
      if source == target { return clone() }
      let part = unbind(dim: -1)
      let corners: [Tensor] =
        switch source {
        case .xyxy: part
        case .xywh: [part[0], part[1], part[0] + part[2], part[1] + part[3]]
        case .cxcywh:
          [part[0] - part[2] * 0.5, part[1] - part[3] * 0.5, part[0] + part[2] * 0.5, part[1] + part[3] * 0.5]
        }
      let (x1, y1, x2, y2) = (corners[0], corners[1], corners[2], corners[3])
      let result: [Tensor] =
        switch target {
        case .xyxy: corners
        case .xywh: [x1, y1, x2 - x1, y2 - y1]
        case .cxcywh: [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
        }
      return Tensor.stack(result, dim: -1)
    }
  }

  /// The areas of boxes [..., 4]. SeeAlso: torchvision.ops.box_area
  public func boxArea(format: BoxFormat = .xyxy) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try checkBoxes("boxArea")
      let part = upcast.unbind(dim: -1)
      return format == .xyxy ? (part[2] - part[0]) * (part[3] - part[1]) : part[2] * part[3]
    }
  }

  /// Boxes limited to an image of this size. SeeAlso: torchvision.ops.clip_boxes_to_image
  public func clipBoxes(toHeight height: Int, width: Int) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try checkBoxes("clipBoxes")
      let limit = Tensor([width, height, width, height], dtype: dtype, device: device)
      return clamp(min: Tensor.zerosLike(limit), max: limit)
    }
  }

  /// The positions of the boxes whose sides are at least `minSize` long. SeeAlso: torchvision.ops.remove_small_boxes
  public func removeSmallBoxes(minSize: Double) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try checkBoxes("removeSmallBoxes")
      let part = unbind(dim: -1)
      let keep = (part[2] - part[0] .>= minSize).logicalAnd(part[3] - part[1] .>= minSize)
      return keep.nonzeroAsTuple()[0]
    }
  }

  /// The boxes around masks [n, h, w]: [n, 4], zeros for empty ones. SeeAlso: torchvision.ops.masks_to_boxes
  public func masksToBoxes() -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard rank == 3 else { throw OpError("masksToBoxes", "expected masks [n, h, w], got \(spec)") }
      if elementCount == 0 { return Tensor.zeros(0, 4, device: device) }
      let mask = self .!= 0
      let rows = mask.any(dim: 2)
      let columns = mask.any(dim: 1)
      func first(_ x: Tensor) -> Tensor { x.to(.uint8).argmax(dim: 1) }
      let sides = [
        first(columns), first(rows), (shape[2] - 1) - first(columns.flip(1)), (shape[1] - 1) - first(rows.flip(1)),
      ]
      return Tensor.stack(sides, dim: 1).to(.float32) * rows.any(dim: 1).to(.float32).unsqueeze(1)
    }
  }
}
