import Flameback

/// Attention within windows of an image, shifted in every second block so that windows talk to each other.
///
/// Input and output `[N, H, W, C]`. The second version compares directions instead of vectors and computes the bias of
/// a distance by a small network. SeeAlso: torchvision.models.swin_transformer.ShiftedWindowAttention
final class WindowAttention: Module, UnaryLayer {
  /// First version: the bias of each distance, for each head.
  @Parameter var relativePositionBiasTable: Tensor?
  /// Second version: the sharpness of each head.
  @Parameter var logitScale: Tensor?
  @Buffer var relativeCoordsTable: Tensor?
  /// For each pair of pixels, the number of their distance.
  @Buffer var relativePositionIndex: Tensor
  let qkv: Linear
  let proj: Linear
  let cpbMlp: Sequential?
  let window: Int
  let shift: Int
  let heads: Int

  init(_ dim: Int, heads: Int, window: Int, shift: Int, isSecond: Bool) {
    (self.window, self.shift, self.heads) = (window, shift, heads)
    qkv = Linear(dim, 3 * dim)
    proj = Linear(dim, dim)
    let span = 2 * window - 1
    var index: [Int] = []
    for i in 0..<window * window {
      for j in 0..<window * window {
        index.append((i / window - j / window + window - 1) * span + i % window - j % window + window - 1)
      }
    }
    relativePositionIndex = Tensor(index, shape: [index.count])
    if isSecond {
      logitScale = (Tensor.ones([heads, 1, 1]) * 10).log()
      cpbMlp = Sequential(Linear(2, 512), ReLU(), Linear(512, heads, bias: false))
      let steps = Tensor.arange(-(window - 1), window, dtype: .float32) / (window - 1) * 8
      let logs = steps.sign() * (steps.abs() + 1).log2() / 3
      let rows = logs.unsqueeze(1).expand(span, span)
      relativeCoordsTable = Tensor.stack([rows, rows.t()], dim: -1).unsqueeze(0)
    } else {
      cpbMlp = nil
      var table = Tensor.empty([span * span, heads])
      Init.truncNormal(&table, std: 0.02)
      relativePositionBiasTable = table
    }
  }

  /// `[1, heads, window², window²]`.
  private var positionBias: Tensor {
    let table = relativePositionBiasTable ?? cpbMlp!(relativeCoordsTable!).reshape(-1, heads)
    let area = window * window
    let bias = table.indexSelect(dim: 0, index: relativePositionIndex).reshape(area, area, -1).permute(2, 0, 1)
    return (logitScale == nil ? bias : 16 * bias.sigmoid()).unsqueeze(0)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    let (right, bottom) = ((window - w % window) % window, (window - h % window) % window)
    var x = right + bottom > 0 ? x.constantPad([0, 0, 0, right, 0, bottom]) : x
    let (height, width) = (h + bottom, w + right)
    let shifts = [window >= height ? 0 : shift, window >= width ? 0 : shift]
    let isShifted = shifts != [0, 0]
    if isShifted { x = x.roll(shifts.map { -$0 }, dims: [1, 2]) }
    let (rows, columns, area) = (height / window, width / window, window * window)
    let windows = x.reshape(n, rows, window, columns, window, c).permute(0, 1, 3, 2, 4, 5)
      .reshape(n * rows * columns, area, c)
    let parts = project(windows).reshape(windows.shape[0], area, 3, heads, c / heads).permute(2, 0, 3, 1, 4).unbind()
    var scores = compare(parts[0], parts[1], c / heads) + positionBias
    if isShifted {
      let mask = shiftMask(height, width, shifts)
      scores = scores.reshape(n, rows * columns, heads, area, area) + mask.unsqueeze(1).unsqueeze(0)
      scores = scores.reshape(-1, heads, area, area)
    }
    let mixed = scores.softmax(dim: -1).matmul(parts[2]).transpose(1, 2).reshape(windows.shape[0], area, c)
    var out = proj(mixed).reshape(n, rows, columns, window, window, c).permute(0, 1, 3, 2, 4, 5)
      .reshape(n, height, width, c)
    if isShifted { out = out.roll(shifts, dims: [1, 2]) }
    return out.narrow(dim: 1, start: 0, length: h).narrow(dim: 2, start: 0, length: w)
  }

  /// Queries, keys and values; the keys of the second version have no bias.
  private func project(_ x: Tensor) -> Tensor {
    guard logitScale != nil, let bias = qkv.bias else { return qkv(x) }
    let third = bias.elementCount / 3
    let keeps = Tensor.cat([
      Tensor.onesLike(bias.narrow(dim: 0, start: 0, length: third)),
      Tensor.zerosLike(bias.narrow(dim: 0, start: 0, length: third)),
      Tensor.onesLike(bias.narrow(dim: 0, start: 0, length: third)),
    ])
    return x.linear(qkv.weight, bias * keeps)
  }

  private func compare(_ q: Tensor, _ k: Tensor, _ size: Int) -> Tensor {
    guard let scale = logitScale else { return (q / Double(size).squareRoot()).matmul(k.transpose(-2, -1)) }
    // ln 100: sharper than that makes training unstable.
    return q.normalize(dim: -1).matmul(k.normalize(dim: -1).transpose(-2, -1))
      * scale.clamp(max: 4.605170185988092).exp()
  }

  /// −100 between pixels that the shift brought into one window from opposite sides of the image.
  private func shiftMask(_ height: Int, _ width: Int, _ shifts: [Int]) -> Tensor {
    func regions(_ length: Int, _ shift: Int) -> Tensor {
      let marks = (0..<length).map { i in i < length - window ? 0 : i < length - shift || shift == 0 ? 1 : 2 }
      return Tensor(marks, shape: [length])
    }
    let marks = regions(height, shifts[0]).unsqueeze(1) * 3 + regions(width, shifts[1])
    let windows = marks.reshape(height / window, window, width / window, window).permute(0, 2, 1, 3)
      .reshape(-1, window * window)
    let isApart = windows.unsqueeze(1) .!= windows.unsqueeze(2)
    return isApart.to(qkv.weight.dtype) * -100
  }
}
