import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let creation: [String: Entry] = [:]
}
