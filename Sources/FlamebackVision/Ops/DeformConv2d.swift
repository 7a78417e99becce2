import Flameback

extension Tensor {
  /// Convolution whose kernel reads at places moved by `offset` [batch, 2 · groups · kh · kw, h', w'] (y before x),
  /// with an optional `mask` [batch, groups · kh · kw, h', w'] as factors. SeeAlso: torchvision.ops.deform_conv2d
  public func deformConv2d(
    offset: Tensor, weight: Tensor, bias: Tensor? = nil, stride: any Sizes = 1, padding: any Sizes = 0,
    dilation: any Sizes = 1, mask: Tensor? = nil
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let op = "deformConv2d"
      func two(_ value: any Sizes, _ what: String) throws(OpError) -> [Int] {
        let given = value.sizes
        guard given.count == 1 || given.count == 2 else { throw OpError(op, "\(what) must be one or two ints") }
        return given.count == 2 ? given : [given[0], given[0]]
      }
      guard rank == 4, weight.rank == 4, offset.rank == 4, weight.shape[1] > 0 else {
        throw OpError(op, "expected 4-d input, offset and weight: \(spec), \(offset.spec), \(weight.spec)")
      }
      let (stride, padding, dilation) = (
        try two(stride, "stride"), try two(padding, "padding"), try two(dilation, "dilation")
      )
      let (batch, channels) = (shape[0], shape[1])
      let kernel = [weight.shape[2], weight.shape[3]]
      let taps = kernel[0] * kernel[1]
      let groups = channels / weight.shape[1]
      let size: [Int] = (0..<2).map { d in
        let reach = dilation[d] * (kernel[d] - 1) + 1
        return (shape[d + 2] + 2 * padding[d] - reach) / stride[d] + 1
      }
      let places = size[0] * size[1]
      let offsetGroups = offset.shape[1] / (2 * taps)
      guard offsetGroups > 0, offset.shape.array == [batch, 2 * taps * offsetGroups] + size,
        channels % offsetGroups == 0,
        groups > 0, channels == groups * weight.shape[1], weight.shape[0] % groups == 0
      else { throw OpError(op, "shapes do not fit: \(spec), offset \(offset.spec), weight \(weight.spec)") }
      if let mask, mask.shape.array != [batch, taps * offsetGroups] + size {
        throw OpError(op, "mask must be [\(batch), \(taps * offsetGroups), \(size[0]), \(size[1])], got \(mask.spec)")
      }

      // The places read, in pixels: [batch · groups, taps, h', w'] for y and x.
      let moved = offset.reshape(batch * offsetGroups, taps, 2, size[0], size[1])
      func coordinate(_ d: Int) -> Tensor {
        let steps: [Int] = (0..<taps).map { d == 0 ? $0 / kernel[1] : $0 % kernel[1] }
        let inKernel: [Int] = steps.map { $0 * dilation[d] - padding[d] }
        let tap = Tensor(inKernel, dtype: dtype, device: device).reshape(1, taps, 1, 1)
        let out = Tensor((0..<size[d]).map { $0 * stride[d] }, dtype: dtype, device: device)
        let place =
          moved.select(dim: 2, index: d) + tap + out.reshape(d == 0 ? [1, 1, size[0], 1] : [1, 1, 1, size[1]])
        return (place * 2 + 1) / Double(shape[d + 2]) - 1  // as gridSample counts without aligned corners
      }
      let grid = Tensor.stack([coordinate(1), coordinate(0)], dim: -1)
        .reshape(batch * offsetGroups, taps, places, 2)
      var columns = reshape(batch * offsetGroups, channels / offsetGroups, shape[2], shape[3]).gridSample(grid)
      if let mask { columns = columns * mask.reshape(batch * offsetGroups, 1, taps, places) }
      columns = columns.reshape(batch, groups, channels / groups * taps, places)
      let matrices = weight.reshape(1, groups, weight.shape[0] / groups, channels / groups * taps)
      let result = matrices.matmul(columns).reshape([batch, weight.shape[0]] + size)
      return bias.map { result + $0.reshape(1, -1, 1, 1) } ?? result
    }
  }
}
