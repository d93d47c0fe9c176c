import { BarcodeDetector, prepareZXingModule } from 'barcode-detector/ponyfill';
import wasm from 'zxing-wasm/reader/zxing_reader.wasm?url';

/** The kinds that tickets are printed in, and that other houses' tickets may have. */
const FORMATS = ['qr_code', 'aztec', 'pdf417', 'data_matrix', 'code_128'] as const;

// From this house: the library would fetch it from elsewhere.
const overrides = { locateFile: () => wasm };

export async function openReader(): Promise<BarcodeDetector> {
  await prepareReader();
  return new BarcodeDetector({ formats: [...FORMATS] });
}

export async function prepareReader(): Promise<void> {
  await prepareZXingModule({ overrides, fireImmediately: true });
}
