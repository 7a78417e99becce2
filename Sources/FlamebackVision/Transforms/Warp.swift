import Flameback
import Glibc

extension Tensor {
  /// The image read at the places of a grid; `fill` outside.
  private func warped(
    _ grid: Tensor, _ interpolation: InterpolationMode, _ fill: [Double]?, _ op: String
  ) throws(OpError) -> Tensor {
    try checkImage(op)
    guard interpolation == .nearest || interpolation == .bilinear else {
      throw OpError(op, "interpolation must be nearest or bilinear, got \(interpolation)")
    }
    if let fill, fill.count != 1, fill.count != channelCount {
      throw OpError(op, "\(fill.count) fill values do not fit \(spec)")
    }
    let batch = asBatch.to(grid.dtype)
    let places = grid.expand([batch.shape[0]] + grid.shape.dropFirst())
    let mode: GridSampleMode = interpolation == .nearest ? .nearest : .bilinear
    var result = batch.gridSample(places, mode: mode)
    if let fill {
      let mask = Tensor.onesLike(batch.narrow(dim: 1, start: 0, length: 1)).gridSample(places, mode: mode)
      let colour = Tensor(fill, dtype: grid.dtype, device: device).reshape(1, -1, 1, 1)
      result =
        mode == .nearest
        ? FlamebackOps.select(where: mask .< 0.5, colour, result) : (result - colour) * mask + colour
    }
    if dtype != grid.dtype { result = dtype.isFloatingPoint ? result.to(dtype) : result.round().to(dtype) }
    return result.reshape(shape.array.dropLast(2) + result.shape.array.suffix(2))
  }

  private var gridDType: DType { dtype.isFloatingPoint ? dtype : .float32 }

  /// Pixel centres (x, y, 1) counted from `origin`: [1, h · w, 3].
  private func pixelGrid(_ h: Int, _ w: Int, _ x0: Double, _ y0: Double) -> Tensor {
    func line(_ start: Double, _ count: Int) -> Tensor {
      Tensor.linspace(start, start + Double(count - 1), count, dtype: gridDType, device: device)
    }
    let x = line(x0, w).reshape(1, w).expand(h, w)
    let y = line(y0, h).reshape(h, 1).expand(h, w)
    return Tensor.stack([x, y, Tensor.onesLike(x)], dim: -1).reshape(1, h * w, 3)
  }

  /// The grid of an affine map from the centre of the output to the centre of this image.
  private func affineMap(_ matrix: [Double], _ h: Int, _ w: Int) -> Tensor {
    let theta = Tensor(matrix, dtype: gridDType, device: device).reshape(1, 2, 3).transpose(1, 2)
    let scale = Tensor([0.5 * Double(width), 0.5 * Double(height)], dtype: gridDType, device: device)
    return pixelGrid(h, w, (1 - Double(w)) * 0.5, (1 - Double(h)) * 0.5).bmm(theta / scale).reshape(1, h, w, 2)
  }

  /// The image rotated (degrees, clockwise), moved, scaled and sheared about `center` (x, y), by default its own.
  /// SeeAlso: torchvision.transforms.v2.functional.affine
  public func affine(
    angle: Double, translate: [Double], scale: Double, shear: [Double], interpolation: InterpolationMode = .nearest,
    fill: [Double]? = nil, center: [Double]? = nil
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try checkImage("affine")
      guard translate.count == 2, (1...2).contains(shear.count), scale > 0, center == nil || center!.count == 2 else {
        throw OpError(
          "affine", "expected two translations, one or two shears, a positive scale: \(translate), \(shear), \(scale)")
      }
      let about = center.map { ($0[0] - Double(width) * 0.5, $0[1] - Double(height) * 0.5) } ?? (0, 0)
      let matrix = inverseAffine(
        about, angle, (translate[0], translate[1]), scale, (shear[0], shear.count == 2 ? shear[1] : shear[0]))
      return try warped(affineMap(matrix, height, width), interpolation, fill, "affine")
    }
  }

  /// The image rotated counter-clockwise by degrees; `expand` enlarges it so that nothing is lost.
  /// SeeAlso: torchvision.transforms.v2.functional.rotate
  public func rotate(
    _ angle: Double, interpolation: InterpolationMode = .nearest, expand: Bool = false, center: [Double]? = nil,
    fill: [Double]? = nil
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try checkImage("rotate")
      guard center == nil || center!.count == 2 else { throw OpError("rotate", "center must be (x, y)") }
      let turn = angle - 360 * (angle / 360).rounded(.down)
      if center == nil {
        if turn == 0 { return clone() }
        if turn == 180 { return rot90(2, dims: [-2, -1]) }
        if expand || height == width, turn == 90 || turn == 270 { return rot90(turn == 90 ? 1 : 3, dims: [-2, -1]) }
      }
      let about = center.map { ($0[0] - Double(width) * 0.5, $0[1] - Double(height) * 0.5) } ?? (0, 0)
      let matrix = inverseAffine(about, -turn, (0, 0), 1, (0, 0))
      let size = expand ? expandedSize(matrix) : (height, width)
      return try warped(affineMap(matrix, size.0, size.1), interpolation, fill, "rotate")
    }
  }

  /// The size that holds the whole image; a ten-thousandth of a pixel does not count.
  private func expandedSize(_ matrix: [Double]) -> (Int, Int) {
    let m = matrix.map { Float($0) }
    let (halfW, halfH) = (0.5 * Float(width), 0.5 * Float(height))
    let corners: [(Float, Float)] = [(-halfW, -halfH), (-halfW, halfH), (halfW, halfH), (halfW, -halfH)]
    func extent(_ a: Float, _ b: Float, _ c: Float, _ half: Float) -> Int {
      let places = corners.map { a * $0.0 + b * $0.1 + c + half }
      func coarse(_ x: Float) -> Float { (x * 10000).rounded(.towardZero) * 1e-4 }
      return Int(coarse(places.max()!).rounded(.up) - coarse(places.min()!).rounded(.down))
    }
    return (extent(m[3], m[4], m[5], halfH), extent(m[0], m[1], m[2], halfW))
  }

  /// The image distorted so that its `startPoints` (x, y; four corners) come to the `endPoints`.
  /// SeeAlso: torchvision.transforms.v2.functional.perspective
  public func perspective(
    startPoints: [[Double]], endPoints: [[Double]], interpolation: InterpolationMode = .bilinear,
    fill: [Double]? = nil
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let op = "perspective"
      try checkImage(op)
      guard startPoints.count == 4, endPoints.count == 4, (startPoints + endPoints).allSatisfy({ $0.count == 2 }) else {
        throw OpError(op, "expected four start points and four end points, got \(startPoints) and \(endPoints)")
      }
      var rows: [[Double]] = []
      for (end, start) in zip(endPoints, startPoints) {
        rows.append([end[0], end[1], 1, 0, 0, 0, -start[0] * end[0], -start[0] * end[1], start[0]])
        rows.append([0, 0, 0, end[0], end[1], 1, -start[1] * end[0], -start[1] * end[1], start[1]])
      }
      guard let c = solveLinear(rows)?.map({ Double(Float($0)) }) else {
        throw OpError(op, "the points do not determine a perspective: \(startPoints) to \(endPoints)")
      }
      let base = pixelGrid(height, width, 0.5, 0.5)
      func matrix(_ values: [Double]) -> Tensor {
        Tensor(values, dtype: gridDType, device: device).reshape(1, 2, 3).transpose(1, 2)
      }
      let half = Tensor([0.5 * Double(width), 0.5 * Double(height)], dtype: gridDType, device: device)
      let top = base.bmm(matrix(Array(c[0..<6])) / half)
      let bottom = base.bmm(matrix([c[6], c[7], 1, c[6], c[7], 1]))
      return try warped((top / bottom - 1).reshape(1, height, width, 2), interpolation, fill, op)
    }
  }
}

/// The inverse of: shear, scale, rotate (degrees) about `center`, then move.
private func inverseAffine(
  _ center: (Double, Double), _ angle: Double, _ move: (Double, Double), _ scale: Double, _ shear: (Double, Double)
) -> [Double] {
  let (rotation, sx, sy) = (angle * .pi / 180, shear.0 * .pi / 180, shear.1 * .pi / 180)
  let a = cos(rotation - sy) / cos(sy)
  let b = -(a * tan(sx) + sin(rotation))
  let c = sin(rotation - sy) / cos(sy)
  let d = cos(rotation) - c * tan(sx)
  var m = [d / scale, -b / scale, 0, -c / scale, a / scale, 0]
  let (x, y) = (center.0 + move.0, center.1 + move.1)
  m[2] = center.0 - m[0] * x - m[1] * y
  m[5] = center.1 - m[3] * x - m[4] * y
  return m
}

/// Gaussian elimination of n rows of n coefficients and a right side; nil if the matrix is singular.
private func solveLinear(_ system: [[Double]]) -> [Double]? {
  var rows = system
  let n = rows.count
  for k in 0..<n {
    let pivot = (k..<n).max { rows[$0][k].magnitude < rows[$1][k].magnitude }!
    rows.swapAt(k, pivot)
    if rows[k][k].magnitude < 1e-12 { return nil }
    for i in 0..<n where i != k {
      let factor = rows[i][k] / rows[k][k]
      for j in k...n { rows[i][j] -= factor * rows[k][j] }
    }
  }
  return (0..<n).map { rows[$0][n] / rows[$0][$0] }
}
