import Flameback
import FlamebackKernels
import Foundation

extension OpRecord {
  static let spatial = convolutions + pools + resamplings

  /// The output sizes' worth of a sliding window.
  private static func slid(_ size: Int, _ kernel: Int, _ stride: Int, _ padding: Int, _ dilation: Int) -> Int {
    (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1
  }

  private struct Window: Sendable {
    var stride = 1
    var padding = 0
    var dilation = 1
    var groups = 1
  }

  /// y[n, o, p] = b[o] + Σ x[n, c, p · stride − padding + k · dilation] w[o, c, k], over any number of dimensions.
  private static func convolved(_ x: PlainArray, _ w: PlainArray, _ b: PlainArray?, _ window: Window) -> PlainArray {
    let sizes = (2..<x.rank).map { slid(x.shape[$0], w.shape[$0], window.stride, window.padding, window.dilation) }
    let taps = PlainArray.indices(Array(w.shape.dropFirst()))
    let perGroup = w.shape[0] / window.groups
    return PlainArray([x.shape[0], w.shape[0]] + sizes) { index in
      var sum = b?[index[1]] ?? 0
      for tap in taps {
        let place = zip(index.dropFirst(2), tap.dropFirst()).map {
          $0 * window.stride - window.padding + $1 * window.dilation
        }
        guard zip(place, x.shape.dropFirst(2)).allSatisfy({ $0 >= 0 && $0 < $1 }) else { continue }
        sum += x[[index[0], index[1] / perGroup * w.shape[1] + tap[0]] + place] * w[[index[1]] + tap]
      }
      return sum
    }
  }

  private static func convolution(_ x: [Int], _ w: [Int], _ window: Window = Window(), bias: Bool = true) -> OpSample {
    let inputs = [SampleInput(x), SampleInput(w)] + (bias ? [SampleInput([w[0]])] : [])
    return OpSample(inputs) { inputs in
      let (x, w, b) = (inputs[0], inputs[1], inputs.count > 2 ? inputs[2] : nil)
      let (s, p, d, g) = (window.stride, window.padding, window.dilation, window.groups)
      switch x.rank {
      case 3: return [x.conv1d(w, b, stride: s, padding: p, dilation: d, groups: g)]
      case 4: return [x.conv2d(w, b, stride: s, padding: p, dilation: d, groups: g)]
      default: return [x.conv3d(w, b, stride: s, padding: p, dilation: d, groups: g)]
      }
    } reference: { x in
      [convolved(x[0], x[1], x.count > 2 ? x[2] : nil, window)]
    }
  }

  private static func transposed(_ x: [Int], _ w: [Int], _ window: Window, outputPadding: Int = 0) -> OpSample {
    OpSample([SampleInput(x), SampleInput(w), SampleInput([w[1] * window.groups])]) { inputs in
      let (s, p, d, g) = (window.stride, window.padding, window.dilation, window.groups)
      if x.count == 3 {
        return [
          inputs[0].convTranspose1d(
            inputs[1], inputs[2], stride: s, padding: p, outputPadding: outputPadding, groups: g, dilation: d)
        ]
      }
      return [
        inputs[0].convTranspose2d(
          inputs[1], inputs[2], stride: s, padding: p, outputPadding: outputPadding, groups: g, dilation: d)
      ]
    } reference: { inputs in
      let (x, w, b) = (inputs[0], inputs[1], inputs[2])
      let sizes = (2..<x.rank).map {
        (x.shape[$0] - 1) * window.stride - 2 * window.padding + window.dilation * (w.shape[$0] - 1) + outputPadding + 1
      }
      var y = PlainArray([x.shape[0], b.shape[0]] + sizes) { b[$0[1]] }
      let perGroup = x.shape[1] / window.groups
      for index in PlainArray.indices(x.shape) {
        for tap in PlainArray.indices(Array(w.shape.dropFirst())) {
          let place = zip(index.dropFirst(2), tap.dropFirst()).map {
            $0 * window.stride - window.padding + $1 * window.dilation
          }
          guard zip(place, sizes).allSatisfy({ $0 >= 0 && $0 < $1 }) else { continue }
          y[[index[0], index[1] / perGroup * w.shape[1] + tap[0]] + place] += x[index] * w[[index[1]] + tap]
        }
      }
      return [y]
    }
  }

  private static let convolutions: [OpRecord] = [
    OpRecord(
      "conv", covers: ["conv1d", "conv2d", "conv3d", "convTranspose", "convWeightGradient"], .floating,
      samples: [
        convolution([1, 2, 5], [2, 2, 3]), convolution([1, 1, 4, 3], [2, 1, 2, 2], Window(padding: 1)),
        convolution([2, 2, 5], [2, 1, 2], Window(stride: 2, groups: 2), bias: false),
        convolution([1, 1, 5, 5], [1, 1, 2, 2], Window(dilation: 2)),
        convolution([1, 1, 3, 2, 3], [1, 1, 2, 2, 2], Window(padding: 1), bias: false),
        convolution([0, 1, 4, 4], [2, 1, 3, 3]),
        convolution([1, 16, 7, 6], [16, 16, 3, 3], Window(stride: 2, padding: 1)),
        convolution([1, 16, 7, 7], [16, 1, 3, 3], Window(padding: 1, groups: 16)),
      ]
    ).with {
      $0.tolerance = 10
      $0.failures = [
        Failure("[conv2d] expected a 4-d weight: float32 [1, 2, 4, 4] × float32 [3, 2, 3]") {
          [Tensor.ones([1, 2, 4, 4]).conv2d(Tensor.ones([3, 2, 3]))]
        },
        Failure("[conv2d] kernel is larger than the padded input: float32 [1, 2, 2, 2] × float32 [3, 2, 3, 3]") {
          [Tensor.ones([1, 2, 2, 2]).conv2d(Tensor.ones([3, 2, 3, 3]))]
        },
      ]
    },
    OpRecord(
      "convTranspose", covers: ["convTranspose1d", "convTranspose2d", "conv"], .floating,
      samples: [
        transposed([1, 2, 3], [2, 2, 2], Window(stride: 2)),
        transposed([1, 2, 2, 3], [2, 1, 2, 2], Window(stride: 2, padding: 1), outputPadding: 1),
        transposed([1, 2, 4], [2, 1, 2], Window(dilation: 2, groups: 2)),
        transposed([1, 8, 5, 5], [8, 12, 3, 3], Window(stride: 2, padding: 1)),
      ]
    ).with { $0.tolerance = 10 },
  ]

  /// Windows of a 2-d pooling reduced one by one.
  private static func pooled(
    _ x: PlainArray, _ kernel: Int, _ window: Window, _ f: ([(value: Double, place: Int)]) -> Double
  ) -> PlainArray {
    let (h, w) = (x.shape[2], x.shape[3])
    let size = [slid(h, kernel, window.stride, window.padding, 1), slid(w, kernel, window.stride, window.padding, 1)]
    return PlainArray(Array(x.shape[..<2]) + size) { index in
      var found: [(Double, Int)] = []
      for i in 0..<kernel {
        for j in 0..<kernel {
          let (y, z) = (index[2] * window.stride - window.padding + i, index[3] * window.stride - window.padding + j)
          if y >= 0 && y < h && z >= 0 && z < w { found.append((x[index[0], index[1], y, z], y * w + z)) }
        }
      }
      return f(found)
    }
  }

  private static let poolCases: [([Int], Int, Window)] = [
    ([1, 2, 4, 4], 2, Window(stride: 2)), ([1, 1, 5, 4], 3, Window(stride: 2, padding: 1)),
    ([2, 1, 3, 3], 2, Window(stride: 1)), ([2, 9, 14, 15], 3, Window(stride: 2, padding: 1)),
  ]

  private static let pools: [OpRecord] = [
    OpRecord(
      "maxPool", .signedReal,
      samples: poolCases.map { shape, kernel, window in
        OpSample([SampleInput(shape, .distinct)]) { x in
          let (output, indices) = x[0].maxPool2dWithIndices(kernel, stride: window.stride, padding: window.padding)
          return [output, indices, x[0].maxPool2d(kernel, stride: window.stride, padding: window.padding)]
        } reference: { x in
          let best = pooled(x[0], kernel, window) { $0.max { $0.value < $1.value }!.value }
          return [best, pooled(x[0], kernel, window) { Double($0.max { $0.value < $1.value }!.place) }, best]
        }
      }),
    OpRecord(
      "avgPool", .floating,
      samples: poolCases.map { shape, kernel, window in
        OpSample([SampleInput(shape)]) { x in
          [
            x[0].avgPool2d(kernel, stride: window.stride, padding: window.padding),
            x[0].avgPool2d(kernel, stride: window.stride, padding: window.padding, countIncludePad: false),
          ]
        } reference: { x in
          [
            pooled(x[0], kernel, window) { $0.reduce(0) { $0 + $1.value } / Double(kernel * kernel) },
            pooled(x[0], kernel, window) { $0.reduce(0) { $0 + $1.value } / Double($0.count) },
          ]
        }
      }
    ).with {
      $0.tolerance = 2
      $0.covers = ["avgPool", "avgPoolTransposed"]
    },
    OpRecord(
      "adaptiveAvgPool", .floating,
      samples: [([1, 2, 5], 3), ([2, 1, 4], 6), ([40, 30, 40], 7)].map { shape, size in
        OpSample([SampleInput(shape)]) {
          [$0[0].adaptiveAvgPool1d(size)]
        } reference: { x in
          [x[0].lines(2, length: size) { adaptive($0, size).map { $0.reduce(0, +) / Double($0.count) } }]
        }
      }
    ).with { $0.covers += ["adaptiveAvgPoolTransposed"] },
    OpRecord(
      "adaptiveMaxPool", .floating,
      samples: [([1, 2, 5], 3), ([2, 1, 4], 6), ([1, 30, 40], 7)].map { shape, size in
        OpSample([SampleInput(shape, .distinct)]) {
          [$0[0].adaptiveMaxPool1d(size)]
        } reference: { x in
          [x[0].lines(2, length: size) { adaptive($0, size).map { $0.max()! } }]
        }
      }),
    OpRecord(
      "fractionalMaxPool", .floating,
      samples: [
        OpSample([SampleInput([1, 2, 4, 4], .distinct)]) { x in
          let draws = Tensor.full([1, 2, 2], 0.3, dtype: x[0].dtype, device: x[0].device)
          return [x[0].fractionalMaxPool2d(2, outputSize: 2, randomSamples: draws).output]
        } reference: { x in
          // The sequence of starts: floor((i + u) · α) − floor(u · α), the last one at the end.
          let alpha = (4.0 - 2) / (2 - 1)
          let starts = [Int((0.3 * alpha).rounded(.down)) - Int((0.3 * alpha).rounded(.down)), 2]
          return [
            PlainArray([1, 2, 2, 2]) { i in
              PlainArray.indices([2, 2]).map { x[0][i[0], i[1], starts[i[2]] + $0[0], starts[i[3]] + $0[1]] }.max()!
            }
          ]
        }
      ]),
  ]

  /// The parts of a line that adaptive pooling reduces.
  private static func adaptive(_ line: [Double], _ size: Int) -> [ArraySlice<Double>] {
    (0..<size).map { line[($0 * line.count / size)..<((($0 + 1) * line.count + size - 1) / size)] }
  }

  private static func plane(
    _ name: String, covers: [String]? = nil, dtypes: [DType] = .floating, _ cases: [[Int]], to sizes: [Int],
    _ run: @escaping @Sendable (Tensor) -> Tensor, _ reference: @escaping @Sendable (PlainArray, [Int]) -> Double
  ) -> OpRecord {
    let samples = cases.map { shape in
      OpSample([SampleInput(shape)]) {
        [run($0[0])]
      } reference: { x in
        [PlainArray(Array(shape.dropLast(sizes.count)) + sizes) { reference(x[0], $0) }]
      }
    }
    return OpRecord(name, covers: covers ?? [name, name + "Transposed"], dtypes, samples: samples).with {
      $0.tolerance = 4
    }
  }

  /// The element at a fractional place between pixels, as align_corners = false has it.
  private static func between(_ x: PlainArray, _ index: [Int], scale: Double) -> Double {
    let size = x.shape.last!
    let place = max((Double(index.last!) + 0.5) * scale - 0.5, 0)
    let low = min(Int(place), size - 1)
    let high = min(low + 1, size - 1)
    let weight = place - Double(low)
    let line = Array(index.dropLast())
    return x[line + [low]] * (1 - weight) + x[line + [high]] * weight
  }

  private static let resamplings: [OpRecord] = [
    plane("interpolate", [[1, 2, 4]], to: [7], { $0.interpolate(size: 7, mode: .linear) }) {
      between($0, $1, scale: 4 / 7)
    },
    plane("interpolate", [[1, 2, 3], [40, 30, 3]], to: [6], { $0.interpolate(size: 6) }) { x, i in
      x[Array(i.dropLast()) + [i.last! / 2]]
    },
    plane("pad", [[1, 2, 4]], to: [7], { $0.pad([2, 1], mode: .reflect) }) { x, i in
      let k = i[2] - 2
      return x[i[0], i[1], k < 0 ? -k : k > 3 ? 6 - k : k]
    },
    plane("pad", [[1, 2, 4], [2, 3, 4]], to: [7], { $0.pad([2, 1], mode: .replicate) }) { x, i in
      x[i[0], i[1], min(max(i[2] - 2, 0), 3)]
    },
    plane("pad", [[1, 2, 4]], to: [7], { $0.pad([2, 1], mode: .circular) }) { x, i in x[i[0], i[1], (i[2] + 2) % 4] },
    OpRecord(
      "gridSample", covers: ["gridSample", "gridSampleGradient"], [.float32, .float64],
      samples: [
        OpSample([SampleInput([1, 2, 3, 4]), SampleInput([1, 2, 2, 2], .uniform(-0.9...0.9))]) {
          [$0[0].gridSample($0[1], alignCorners: true)]
        } reference: { inputs in
          let (x, grid) = (inputs[0], inputs[1])
          return [
            PlainArray([1, 2, 2, 2]) { i in
              let column = (grid[0, i[2], i[3], 0] + 1) / 2 * 3
              let row = (grid[0, i[2], i[3], 1] + 1) / 2 * 2
              var sum = 0.0
              for r in 0..<3 {
                for c in 0..<4 {
                  sum += max(0, 1 - abs(row - Double(r))) * max(0, 1 - abs(column - Double(c))) * x[0, i[1], r, c]
                }
              }
              return sum
            }
          ]
        }
      ]
    ).with {
      $0.tolerance = 4
      $0.failures = [
        Failure("[gridSample] batch sizes differ: float32 [2, 1, 3, 3] × float32 [1, 2, 2, 2]") {
          [Tensor.ones([2, 1, 3, 3]).gridSample(Tensor.ones([1, 2, 2, 2]))]
        }
      ]
    },
    plane("unfold", [[1, 2, 3, 3]], to: [8, 4], { $0.unfold(kernelSize: 2) }) { x, i in
      x[0, i[1] / 4, i[2] / 2 + i[1] % 4 / 2, i[2] % 2 + i[1] % 2]
    }.with {
      $0.covers = []
      $0.samples = $0.samples.map { sample in
        OpSample(sample.inputs, sample.run) { x in
          [PlainArray([1, 8, 4]) { i in x[0][0, i[1] / 4, i[2] / 2 + i[1] % 4 / 2, i[2] % 2 + i[1] % 2] }]
        }
      }
    },
  ]
}
