/** undici has types for its index alone. */
declare module 'undici/lib/*';
