declare module 'qrcode-terminal' {
  const qrcode: {
    /** Hands `show` the code as lines of text; `small`: two rows of modules in one line. */
    generate(text: string, options: { small: boolean }, show: (code: string) => void): void;
  };
  export default qrcode;
}
